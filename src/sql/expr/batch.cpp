#include "sql/expr/batch.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "sql/expr/memory_budget.hpp"

namespace ldb::sql {

PhysicalType physical_type(TypeId id) {
  switch (id) {
    case TypeId::kNull:
    case TypeId::kBoolean:
      return PhysicalType::kBool;
    case TypeId::kSmallInt:
      return PhysicalType::kInt16;
    case TypeId::kInteger:
      return PhysicalType::kInt32;
    case TypeId::kBigInt:
      return PhysicalType::kInt64;
    case TypeId::kReal:
      return PhysicalType::kFloat;
    case TypeId::kDouble:
      return PhysicalType::kDouble;
    case TypeId::kNumeric:
      return PhysicalType::kDecimal;
    case TypeId::kText:
    case TypeId::kVarchar:
    case TypeId::kChar:
    case TypeId::kBytea:
      return PhysicalType::kString;
    case TypeId::kDate:
      return PhysicalType::kDate;
    case TypeId::kTimestamp:
      return PhysicalType::kTimestamp;
    case TypeId::kInterval:
      return PhysicalType::kInterval;
  }
  return PhysicalType::kBool;
}

std::size_t element_size(PhysicalType type) {
  switch (type) {
    case PhysicalType::kBool:
      return sizeof(bool);
    case PhysicalType::kInt16:
      return sizeof(std::int16_t);
    case PhysicalType::kInt32:
      return sizeof(std::int32_t);
    case PhysicalType::kInt64:
      return sizeof(std::int64_t);
    case PhysicalType::kFloat:
      return sizeof(float);
    case PhysicalType::kDouble:
      return sizeof(double);
    case PhysicalType::kDecimal:
      return sizeof(Decimal);
    case PhysicalType::kString:
      return sizeof(std::string_view);
    case PhysicalType::kDate:
      return sizeof(Date);
    case PhysicalType::kTimestamp:
      return sizeof(Timestamp);
    case PhysicalType::kInterval:
      return sizeof(Interval);
  }
  return 1;
}

namespace {
constexpr std::size_t kSmallestBlock = 1024;
constexpr std::size_t kLargestBlock = std::size_t{1} << 18;  // of those that may hold several strings
}  // namespace

char* StringArena::allocate(std::size_t size_bytes) {
  if (size_bytes > room_) {
    const std::size_t block = std::max(size_bytes, std::clamp(reserved_bytes_, kSmallestBlock, kLargestBlock));
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    reserved_bytes_ += block;
    if (blocks_.size() == 1) first_block_bytes_ = block;
    next_ = blocks_.back().get();
    room_ = block;
  }
  char* result = next_;
  next_ += size_bytes;
  room_ -= size_bytes;
  return result;
}

std::string_view StringArena::copy(std::string_view text) {
  if (text.empty()) return {};
  char* room = allocate(text.size());
  std::memcpy(room, text.data(), text.size());
  return {room, text.size()};
}

void StringArena::clear() {
  if (blocks_.empty()) return;
  if (first_block_bytes_ > kLargestBlock) {
    *this = StringArena();
    return;
  }
  blocks_.resize(1);  // keeps the first block: batches of alike size then allocate nothing
  next_ = blocks_.front().get();
  room_ = reserved_bytes_ = first_block_bytes_;
}

struct ColumnVector::Buffer {
  std::unique_ptr<char[]> elements;
  std::size_t size_bytes = 0;
  PhysicalType held = PhysicalType::kBool;
  std::vector<std::uint64_t> nulls;
  StringArena arena;
  std::vector<std::shared_ptr<Buffer>> pins;  // other buffers whose strings are pointed to
  MemoryUse memory;                           // of the arena, once it has grown large
};

void ColumnVector::reset(DataType type, std::size_t capacity) {
  type_ = type;
  physical_ = physical_type(type.id);
  constant_ = false;
  capacity_ = capacity;
  take_buffer();
}

void ColumnVector::reset_constant(DataType type) {
  reset(type, 1);
  constant_ = true;
}

void ColumnVector::take_buffer() {
  const std::size_t size_bytes = std::max<std::size_t>(capacity_, 1) * element_size(physical_);
  if (buffer_ == nullptr || buffer_.use_count() != 1) buffer_ = std::make_shared<Buffer>();
  Buffer& b = *buffer_;
  b.pins.clear();
  b.arena.clear();
  b.memory.clear();
  if (b.size_bytes < size_bytes) {
    b.elements = std::make_unique<char[]>(size_bytes);
    b.size_bytes = size_bytes;
  } else if (b.held != physical_ || physical_ == PhysicalType::kString) {
    // No element may ever hold bytes of another type, or a view into memory that is gone.
    std::memset(b.elements.get(), 0, size_bytes);
  }
  b.held = physical_;
  data_ = b.elements.get();
  nulls_ = nullptr;
}

void ColumnVector::add_null_bitmap() {
  const std::size_t words = (std::max<std::size_t>(capacity_, 1) + 63) / 64;
  buffer_->nulls.assign(words, 0);
  nulls_ = buffer_->nulls.data();
}

StringArena& ColumnVector::arena() { return buffer_->arena; }

void ColumnVector::keep_alive(const ColumnVector& other) {
  if (other.buffer_ == nullptr || other.buffer_ == buffer_) return;
  if (std::find(buffer_->pins.begin(), buffer_->pins.end(), other.buffer_) == buffer_->pins.end())
    buffer_->pins.push_back(other.buffer_);
}

ColumnVector ColumnVector::constant(DataType type, const Value& value) {
  ColumnVector v;
  v.reset_constant(type);
  v.set_value(0, value);
  return v;
}

Value ColumnVector::value(std::size_t row) const {
  if (is_null(row)) return Value(type_.id, std::monostate());
  switch (physical_) {
    case PhysicalType::kBool:
      return Value(type_.id, at<bool>(row));
    case PhysicalType::kInt16:
      return Value(type_.id, std::int64_t{at<std::int16_t>(row)});
    case PhysicalType::kInt32:
      return Value(type_.id, std::int64_t{at<std::int32_t>(row)});
    case PhysicalType::kInt64:
      return Value(type_.id, at<std::int64_t>(row));
    case PhysicalType::kFloat:
      return Value(type_.id, double{at<float>(row)});
    case PhysicalType::kDouble:
      return Value(type_.id, at<double>(row));
    case PhysicalType::kDecimal:
      return Value(type_.id, at<Decimal>(row));
    case PhysicalType::kString:
      if (type_.id == TypeId::kBytea) return Value(type_.id, Bytes{std::string(at<std::string_view>(row))});
      return Value(type_.id, std::string(at<std::string_view>(row)));
    case PhysicalType::kDate:
      return Value(type_.id, at<Date>(row));
    case PhysicalType::kTimestamp:
      return Value(type_.id, at<Timestamp>(row));
    case PhysicalType::kInterval:
      return Value(type_.id, at<Interval>(row));
  }
  return {};
}

void ColumnVector::set_value(std::size_t row, const Value& value) {
  if (value.is_null()) {
    set_null(row);
    return;
  }
  clear_null(row);
  const Value::Storage& s = value.storage();
  switch (physical_) {
    case PhysicalType::kBool:
      data<bool>()[row] = std::get<bool>(s);
      break;
    case PhysicalType::kInt16:
      data<std::int16_t>()[row] = static_cast<std::int16_t>(std::get<std::int64_t>(s));
      break;
    case PhysicalType::kInt32:
      data<std::int32_t>()[row] = static_cast<std::int32_t>(std::get<std::int64_t>(s));
      break;
    case PhysicalType::kInt64:
      data<std::int64_t>()[row] = std::get<std::int64_t>(s);
      break;
    case PhysicalType::kFloat:
      data<float>()[row] = static_cast<float>(std::get<double>(s));
      break;
    case PhysicalType::kDouble:
      data<double>()[row] = std::get<double>(s);
      break;
    case PhysicalType::kDecimal:
      data<Decimal>()[row] = std::get<Decimal>(s);
      break;
    case PhysicalType::kString:
      if (const auto* bytes = std::get_if<Bytes>(&s)) {
        set_string(row, bytes->data);
      } else {
        set_string(row, std::get<std::string>(s));
      }
      break;
    case PhysicalType::kDate:
      data<Date>()[row] = std::get<Date>(s);
      break;
    case PhysicalType::kTimestamp:
      data<Timestamp>()[row] = std::get<Timestamp>(s);
      break;
    case PhysicalType::kInterval:
      data<Interval>()[row] = std::get<Interval>(s);
      break;
  }
}

void ColumnVector::copy_from(const ColumnVector& source, std::size_t source_row, std::size_t row) {
  LDB_DCHECK(source.physical_ == physical_);
  if (source.is_null(source_row)) {
    set_null(row);
    return;
  }
  clear_null(row);
  const std::size_t size = element_size(physical_);
  if (physical_ == PhysicalType::kString) {
    set_string(row, source.at<std::string_view>(source_row));
  } else {
    std::memcpy(data_ + row * size, source.data_ + source.index(source_row) * size, size);
  }
}

namespace {
template <std::size_t N>
void gather_bytes(const char* from, std::span<const std::uint16_t> rows, char* to) {
  for (std::size_t i = 0; i < rows.size(); ++i) std::memcpy(to + i * N, from + rows[i] * N, N);
}
}  // namespace

void ColumnVector::gather(const ColumnVector& source, std::span<const std::uint16_t> rows) {
  if (source.constant_) {
    *this = source;
    return;
  }
  const ColumnVector from = source;  // `source` may be this vector
  reset(from.type_, std::max<std::size_t>(rows.size(), 1));
  switch (element_size(physical_)) {
    case 1:
      gather_bytes<1>(from.data_, rows, data_);
      break;
    case 2:
      gather_bytes<2>(from.data_, rows, data_);
      break;
    case 4:
      gather_bytes<4>(from.data_, rows, data_);
      break;
    case 8:
      gather_bytes<8>(from.data_, rows, data_);
      break;
    case 16:
      gather_bytes<16>(from.data_, rows, data_);
      break;
    case 32:
      gather_bytes<32>(from.data_, rows, data_);
      break;
    default:
      LDB_CHECK(false);
  }
  if (from.nulls_ != nullptr) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (from.is_null(rows[i])) set_null(i);
    }
  }
  if (physical_ == PhysicalType::kString) keep_alive(from);
}

std::size_t ColumnVector::memory_bytes() const {
  if (buffer_ == nullptr) return 0;
  return buffer_->size_bytes + buffer_->nulls.size() * sizeof(std::uint64_t) + buffer_->arena.memory_bytes();
}

Status ColumnVector::charge_strings(const MemoryBudgetPtr& budget, const char* holder) {
  if (budget == nullptr || buffer_ == nullptr) return {};
  const std::size_t bytes = buffer_->arena.memory_bytes();
  if (bytes <= kLargestBlock || bytes == buffer_->memory.held_bytes()) return {};
  if (buffer_->memory.budget() != budget) buffer_->memory = MemoryUse(budget, holder);
  return buffer_->memory.set(bytes);
}

void Batch::compact() {
  if (!has_selection) return;
  for (ColumnVector& column : columns) column.gather(ColumnVector(column), selection);
  row_count = selection.size();
  clear_selection();
}

}  // namespace ldb::sql
