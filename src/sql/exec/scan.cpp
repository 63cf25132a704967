#include "sql/exec/scan.hpp"

#include <algorithm>

#include "sql/exec/exec_context.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kFirstBatchRows = 64;                    // small results should not pay for big batches
constexpr std::size_t kMaxBatchBytes = std::size_t{16} << 20;  // of stored rows; a batch of long rows is shorter

class ScanOperator final : public Operator {
 public:
  ScanOperator(const ScanPlan& plan, ExecContext& context) : plan_(plan), context_(context) {}

  Result<bool> next(Batch& out) override {
    if (done_) return false;
    if (plan_.path.kind == AccessPath::Kind::kKey && plan_.path.is_point) return point(out);
    if (cursor_ == nullptr) {
      LDB_ASSIGN_OR_RETURN(const bool any, start());
      if (!any) return finish();
    }
    plan_.reader->reset(out, capacity_);
    reset_key_columns(out);
    LDB_TRY(context_.check_interrupt());
    std::size_t rows = 0;
    const std::size_t room = std::min(kMaxBatchBytes, context_.string_room() / 4);
    for (std::size_t bytes = 0; rows < capacity_ && bytes <= room && cursor_->valid();) {
      if (plan_.path.kind == AccessPath::Kind::kIndex) {
        LDB_ASSIGN_OR_RETURN(const std::size_t size, key_prefix_size(cursor_->key(), plan_.key));
        const std::string_view key = cursor_->key().substr(size);
        LDB_ASSIGN_OR_RETURN(const auto image, context_.transaction->get(plan_.table->id, key));
        if (image) {
          LDB_TRY(plan_.reader->read(*image, out, rows));
          set_key(out, rows, key);
          bytes += image->size();
          ++rows;
        }
      } else {
        LDB_TRY(plan_.reader->read(cursor_->image(), out, rows));
        set_key(out, rows, cursor_->key());
        bytes += cursor_->image().size();
        ++rows;
      }
      cursor_->next();
    }
    LDB_TRY(cursor_->status());
    if (rows == 0) return finish();
    out.row_count = rows;
    capacity_ = kBatchRows;
    return true;
  }

 private:
  bool finish() {
    done_ = true;
    cursor_ = nullptr;
    return false;
  }

  Result<bool> start() {
    KeyRange range;
    if (plan_.path.kind != AccessPath::Kind::kSequential) {
      LDB_ASSIGN_OR_RETURN(auto found, key_range(plan_.path, plan_.key, context_));
      if (!found) return false;
      range = std::move(*found);
    }
    if (plan_.path.kind == AccessPath::Kind::kIndex) {
      LDB_ASSIGN_OR_RETURN(cursor_, context_.transaction->scan_index(plan_.path.index, range));
    } else {
      LDB_ASSIGN_OR_RETURN(cursor_, context_.transaction->scan(plan_.table->id, range));
    }
    return true;
  }

  Result<bool> point(Batch& out) {
    done_ = true;
    std::string key;
    for (std::size_t i = 0; i < plan_.path.equal.size(); ++i) {
      LDB_ASSIGN_OR_RETURN(const Value value, evaluate_scalar(*plan_.path.equal[i], context_));
      if (value.is_null()) return false;
      encode_key(value, plan_.key[i], key);
    }
    LDB_ASSIGN_OR_RETURN(const auto image, context_.transaction->get(plan_.table->id, key));
    if (!image) return false;
    plan_.reader->reset(out, 1);
    reset_key_columns(out);
    LDB_TRY(plan_.reader->read(*image, out, 0));
    set_key(out, 0, key);
    out.row_count = 1;
    return true;
  }

  void reset_key_columns(Batch& out) {
    for (std::size_t i = 0; i < plan_.ordinals.size(); ++i) {
      if (plan_.ordinals[i] == LogicalScan::kRowKey) out.columns[i].reset({TypeId::kBytea, -1, 0}, capacity_);
    }
  }
  void set_key(Batch& out, std::size_t row, std::string_view key) {
    for (std::size_t i = 0; i < plan_.ordinals.size(); ++i) {
      if (plan_.ordinals[i] == LogicalScan::kRowKey) out.columns[i].set_string(row, key);
    }
  }

  const ScanPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<RowCursor> cursor_;
  std::size_t capacity_ = kFirstBatchRows;
  bool done_ = false;
};

}  // namespace

KeyRange prefix_key_range(const std::string& prefix) {
  KeyRange range{prefix, key_successor(prefix)};
  if (range.upper->empty()) range.upper.reset();
  return range;
}

Result<std::optional<KeyRange>> key_range(const AccessPath& path, std::span<const KeyColumn> key, ExecContext& context) {
  std::string prefix;
  for (std::size_t i = 0; i < path.equal.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(const Value value, evaluate_scalar(*path.equal[i], context));
    if (value.is_null()) return std::optional<KeyRange>();
    encode_key(value, key[i], prefix);
  }
  KeyRange range = prefix.empty() ? KeyRange{} : prefix_key_range(prefix);
  const auto bound = [&](const KeyBound& b, bool lower) -> Result<bool> {
    LDB_ASSIGN_OR_RETURN(const Value value, evaluate_scalar(*b.value, context));
    if (value.is_null()) return false;
    std::string full = prefix;
    encode_key(value, key[path.equal.size()], full);
    // Entries go on behind the value, so "above it" means above everything that starts with it.
    if (lower) {
      range.lower = b.inclusive ? full : key_successor(full);
    } else {
      range.upper = b.inclusive ? key_successor(full) : full;
    }
    return true;
  };
  if (path.lower.value) {
    LDB_ASSIGN_OR_RETURN(const bool possible, bound(path.lower, true));
    if (!possible) return std::optional<KeyRange>();
  }
  if (path.upper.value) {
    LDB_ASSIGN_OR_RETURN(const bool possible, bound(path.upper, false));
    if (!possible) return std::optional<KeyRange>();
  }
  return std::optional<KeyRange>(std::move(range));
}

std::string ScanPlan::name() const {
  const std::string on = " on " + table->name.name + (alias.empty() || alias == table->name.name ? "" : " " + alias);
  switch (path.kind) {
    case AccessPath::Kind::kSequential:
      return "Seq Scan" + on;
    case AccessPath::Kind::kKey:
      return (path.is_point ? "Key Lookup" : "Key Scan") + on;
    case AccessPath::Kind::kIndex:
      return "Index Scan using " + index_name + on;
  }
  return "Scan" + on;
}

std::vector<std::string> ScanPlan::details() const {
  std::string text;
  const auto add = [&](std::string_view column, std::string_view op, const Expression& value) {
    if (!text.empty()) text += " AND ";
    text += "(" + std::string(column) + " " + std::string(op) + " " + to_string(value) + ")";
  };
  const Index* index = table->find_index(path.index);
  const std::vector<Ordinal>& columns = index && path.kind == AccessPath::Kind::kIndex ? index->columns : table->key_columns;
  for (std::size_t i = 0; i < path.equal.size(); ++i) add(table->columns[columns[i]].name, "=", *path.equal[i]);
  if (path.lower.value)
    add(table->columns[columns[path.equal.size()]].name, path.lower.inclusive ? ">=" : ">", *path.lower.value);
  if (path.upper.value)
    add(table->columns[columns[path.equal.size()]].name, path.upper.inclusive ? "<=" : "<", *path.upper.value);
  if (text.empty()) return {};
  return {"Index Cond: " + text};
}

std::unique_ptr<Operator> ScanPlan::make_operator(ExecContext& context) const {
  return std::make_unique<ScanOperator>(*this, context);
}

}  // namespace ldb::sql
