#include "sql/exec/row_buffer.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

template <class T>
void gather_typed(const ColumnVector& source, std::span<const std::uint32_t> rows, ColumnVector& out) {
  const T* from = source.data<T>();
  T* to = out.data<T>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] != RowBuffer::kNoRow) to[i] = from[source.index(rows[i])];
  }
}

template <class T>
void append_typed(const ColumnVector& source, RowSet rows, ColumnVector& out, std::size_t at) {
  const T* from = source.data<T>();
  T* to = out.data<T>();
  rows.for_each([&](std::size_t row) { to[at++] = from[source.index(row)]; });
}

template <class F>
void by_type(PhysicalType type, F&& f) {
  switch (type) {
    case PhysicalType::kBool:
      return f.template operator()<bool>();
    case PhysicalType::kInt16:
      return f.template operator()<std::int16_t>();
    case PhysicalType::kInt32:
      return f.template operator()<std::int32_t>();
    case PhysicalType::kInt64:
      return f.template operator()<std::int64_t>();
    case PhysicalType::kFloat:
      return f.template operator()<float>();
    case PhysicalType::kDouble:
      return f.template operator()<double>();
    case PhysicalType::kDecimal:
      return f.template operator()<Decimal>();
    case PhysicalType::kString:
      return f.template operator()<std::string_view>();
    case PhysicalType::kDate:
      return f.template operator()<Date>();
    case PhysicalType::kTimestamp:
      return f.template operator()<Timestamp>();
    case PhysicalType::kInterval:
      return f.template operator()<Interval>();
  }
}

void append_column(const ColumnVector& source, RowSet rows, ColumnVector& out, std::size_t at) {
  if (source.physical() == PhysicalType::kString) {
    std::size_t to = at;
    rows.for_each([&](std::size_t row) {
      if (!source.is_null(row)) out.set_string(to, source.at<std::string_view>(row));
      ++to;
    });
  } else {
    by_type(source.physical(), [&]<class T>() { append_typed<T>(source, rows, out, at); });
  }
  if (!source.may_have_nulls()) return;
  rows.for_each([&](std::size_t row) {
    if (source.is_null(row)) out.set_null(at);
    ++at;
  });
}

}  // namespace

void gather_wide(const ColumnVector& source, std::span<const std::uint32_t> rows, ColumnVector& out) {
  out.reset(source.type(), std::max<std::size_t>(1, rows.size()));
  if (source.capacity() > 0 || source.is_constant()) {
    by_type(source.physical(), [&]<class T>() { gather_typed<T>(source, rows, out); });
    if (source.physical() == PhysicalType::kString) out.keep_alive(source);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == RowBuffer::kNoRow || source.is_null(rows[i])) {
      out.set_null(i);
      if (out.physical() == PhysicalType::kString) out.data<std::string_view>()[i] = {};
    }
  }
}

void RowBuffer::reset(std::vector<DataType> types) {
  types_ = std::move(types);
  columns_.clear();
  columns_.resize(types_.size());
  capacity_ = 0;
  size_ = 0;
  pinned_bytes_ = 0;
  memory_.clear();
}

Status RowBuffer::grow(std::size_t needed) {
  if (needed <= capacity_) return {};
  if (needed >= kNoRow) {
    return Status::sql(StatusCode::kResourceExhausted, "54000",
                       std::string(memory_.holder()) + " cannot hold more than 4294967294 rows");
  }
  const std::size_t capacity = std::max<std::size_t>({needed, capacity_ * 2, 64});
  std::size_t row_bytes = 0;
  for (const DataType& type : types_) row_bytes += element_size(physical_type(type.id));
  LDB_TRY(memory_.add(capacity * row_bytes));  // old and new columns are there together
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    ColumnVector bigger;
    bigger.reset(types_[i], capacity);
    ColumnVector& old = columns_[i];
    if (size_ > 0) {
      by_type(old.physical(), [&]<class T>() { std::copy_n(old.data<T>(), size_, bigger.data<T>()); });
      for (std::size_t row = 0; old.may_have_nulls() && row < size_; ++row) {
        if (old.is_null(row)) bigger.set_null(row);
      }
      if (old.physical() == PhysicalType::kString) {
        bigger.keep_alive(old);
        pinned_bytes_ += old.memory_bytes();
      }
    }
    old = std::move(bigger);
  }
  capacity_ = capacity;
  return {};
}

Status RowBuffer::append(std::span<const ColumnVector> columns, RowSet rows) {
  if (rows.count == 0) return {};
  std::size_t string_bytes = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns[i].physical() != PhysicalType::kString) continue;
    rows.for_each([&](std::size_t row) {
      if (!columns[i].is_null(row)) string_bytes += columns[i].at<std::string_view>(row).size();
    });
  }
  if (string_bytes > 0) LDB_TRY(memory_.add(string_bytes));
  LDB_TRY(grow(size_ + rows.count));
  for (std::size_t i = 0; i < columns_.size(); ++i) append_column(columns[i], rows, columns_[i], size_);
  size_ += rows.count;
  return memory_.set(memory_bytes());
}

Status RowBuffer::append(const Batch& batch) { return append(batch.columns, batch.rows()); }

void RowBuffer::gather_into(std::span<const std::uint32_t> rows, Batch& out, std::size_t first) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (capacity_ == 0) {  // never filled: only kNoRow can be asked for
      out.columns[first + i].reset(types_[i], std::max<std::size_t>(1, rows.size()));
      for (std::size_t row = 0; row < rows.size(); ++row) out.columns[first + i].set_null(row);
      continue;
    }
    gather_wide(columns_[i], rows, out.columns[first + i]);
  }
}

void RowBuffer::gather(std::span<const std::uint32_t> rows, Batch& out) const {
  out.columns.resize(columns_.size());
  out.clear_selection();
  out.row_count = rows.size();
  gather_into(rows, out, 0);
}

std::size_t RowBuffer::memory_bytes() const {
  std::size_t bytes = pinned_bytes_;
  for (const ColumnVector& column : columns_) bytes += column.memory_bytes();
  return bytes;
}

void RowNumbering::rehash(std::size_t buckets) {
  heads_.assign(buckets, RowBuffer::kNoRow);
  for (std::uint32_t row = 0; row < hashes_.size(); ++row) {
    std::uint32_t& head = heads_[hashes_[row] & (buckets - 1)];
    next_[row] = head;
    head = row;
  }
}

Status RowNumbering::look_up(std::span<const ColumnVector> columns, RowSet rows, std::span<std::uint32_t> numbers, bool add,
                             std::vector<std::uint16_t>* first_seen) {
  if (heads_.empty()) rehash(64);
  scratch_.assign(kBatchRows, 0);
  for (std::size_t i = 0; i < columns.size(); ++i) hash_elements(columns[i], rows, scratch_, i != 0);
  for (std::size_t i = 0; i < rows.count; ++i) {
    const std::size_t row = rows[i];
    const std::uint64_t hash = scratch_[row];
    std::uint32_t at = heads_[hash & (heads_.size() - 1)];
    for (; at != RowBuffer::kNoRow; at = next_[at]) {
      if (hashes_[at] != hash) continue;
      bool same = true;
      for (std::size_t c = 0; same && c < columns.size(); ++c) same = equal_elements(columns[c], row, rows_.column(c), at);
      if (same) break;
    }
    if (at == RowBuffer::kNoRow && add) {
      at = static_cast<std::uint32_t>(rows_.size());
      const auto index = static_cast<std::uint16_t>(row);
      LDB_TRY(rows_.append(columns, RowSet::of(std::span<const std::uint16_t>(&index, 1))));
      hashes_.push_back(hash);
      next_.push_back(RowBuffer::kNoRow);
      if (hashes_.size() > heads_.size()) {
        rehash(heads_.size() * 2);
      } else {
        std::uint32_t& head = heads_[hash & (heads_.size() - 1)];
        next_[at] = head;
        head = at;
      }
      if (first_seen != nullptr) first_seen->push_back(index);
    }
    numbers[row] = at;
  }
  if (!add) return {};
  return memory_.set(hashes_.capacity() * sizeof(std::uint64_t) + (heads_.capacity() + next_.capacity()) * sizeof(std::uint32_t));
}

Status RowNumbering::add(std::span<const ColumnVector> columns, RowSet rows, std::span<std::uint32_t> numbers,
                         std::vector<std::uint16_t>* first_seen) {
  return look_up(columns, rows, numbers, true, first_seen);
}

void RowNumbering::find(std::span<const ColumnVector> columns, RowSet rows, std::span<std::uint32_t> numbers) {
  (void)look_up(columns, rows, numbers, false, nullptr);  // without adding, nothing can fail
}

}  // namespace ldb::sql
