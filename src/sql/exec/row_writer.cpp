#include "sql/exec/row_writer.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/exec/scan.hpp"
#include "sql/expr/vector_ops.hpp"
#include "sql/types/cast.hpp"

namespace ldb::sql {
namespace {

bool same_value(const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return a.is_null() == b.is_null();
  return compare_values(a, b) == 0;
}

/// Byte for byte: 1.0 and 1.00 differ, though they compare equal.
bool identical(const Column& column, const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return a.is_null() == b.is_null();
  return encode_row_cell(column, a).value == encode_row_cell(column, b).value;
}

std::vector<Ordinal> ordinals_of(const Table& table, const std::vector<ColumnId>& ids) {
  std::vector<Ordinal> ordinals;
  for (const ColumnId id : ids) {
    if (const auto ordinal = table.find_column(id)) ordinals.push_back(*ordinal);
  }
  return ordinals;
}

std::vector<Value> pick(std::span<const Value> row, const std::vector<Ordinal>& ordinals) {
  std::vector<Value> values;
  for (const Ordinal ordinal : ordinals) values.push_back(row[ordinal]);
  return values;
}

bool any_null(std::span<const Value> values) {
  return std::any_of(values.begin(), values.end(), [](const Value& v) { return v.is_null(); });
}

/// Referenced and referencing columns may differ in type within what compares: bring the value to the column's.
Result<Value> as_column(const Value& value, const Column& column) {
  if (value.is_null() || value.type() == column.type.id) return value;
  return cast_value(value, {column.type.id, -1, 0}, CastContext::kExplicit);
}

Status constraint_error(const char* sqlstate, std::string message, std::string detail) {
  return Status::sql(StatusCode::kConstraint, sqlstate, std::move(message)).with_detail(std::move(detail));
}

}  // namespace

std::shared_ptr<const Table> RowWriter::shared(const Table& table) const { return context_.catalog->find_table(table.id); }

std::string RowWriter::describe(const Table& table, const std::vector<Ordinal>& columns, std::span<const Value> row) const {
  std::string names, values;
  for (const Ordinal ordinal : columns) {
    names += (names.empty() ? "" : ", ") + table.columns[ordinal].name;
    values += (values.empty() ? "" : ", ") + (row[ordinal].is_null() ? std::string("null") : row[ordinal].to_string());
  }
  return "(" + names + ")=(" + values + ")";
}

Status RowWriter::duplicate_error(const Table& table, const std::string& constraint, const std::vector<Ordinal>& columns,
                                  std::span<const Value> row) const {
  return constraint_error("23505", "duplicate key value violates unique constraint \"" + constraint + "\"",
                          "Key " + describe(table, columns, row) + " already exists.");
}

Result<std::optional<std::string>> RowWriter::find_duplicate(const Table& table, IndexId id, std::span<const Value> row,
                                                             std::string_view own_key) {
  if (id == IndexId{}) {
    std::string key = encode_row_key(table, row);
    LDB_ASSIGN_OR_RETURN(const auto existing, context_.transaction->get(table.id, key));
    if (existing) return std::optional<std::string>(std::move(key));
    return std::optional<std::string>();
  }
  const Index& index = *table.find_index(id);
  bool has_null = false;
  const std::string prefix = encode_index_prefix(index, row, has_null);
  if (has_null) return std::optional<std::string>();
  if (index.ready) {
    LDB_ASSIGN_OR_RETURN(auto cursor, context_.transaction->scan_index(id, prefix_key_range(prefix)));
    for (; cursor->valid(); cursor->next()) {
      const std::string_view key = cursor->key().substr(prefix.size());
      if (key != own_key) return std::optional<std::string>(key);
    }
    LDB_TRY(cursor->status());
    return std::optional<std::string>();
  }
  // Made by this transaction, so not filled yet: look at every row.
  LDB_ASSIGN_OR_RETURN(auto cursor, context_.transaction->scan(table.id, KeyRange{}));
  for (; cursor->valid(); cursor->next()) {
    if (cursor->key() == own_key) continue;
    LDB_ASSIGN_OR_RETURN(const auto other, decode_row(table, cursor->image()));
    const bool same = std::all_of(index.columns.begin(), index.columns.end(),
                                  [&](Ordinal o) { return !other[o].is_null() && same_value(other[o], row[o]); });
    if (same) return std::optional<std::string>(cursor->key());
  }
  LDB_TRY(cursor->status());
  return std::optional<std::string>();
}

Status RowWriter::check_unique(const Table& table, std::span<const Value> row, std::string_view own_key,
                               const std::vector<Value>* old_row) {
  for (const Index& index : table.indexes) {
    if (!index.unique) continue;
    if (old_row != nullptr) {
      const bool unchanged =
          std::all_of(index.columns.begin(), index.columns.end(), [&](Ordinal o) { return same_value((*old_row)[o], row[o]); });
      if (unchanged) continue;
    }
    bool has_null = false;
    const std::string prefix = encode_index_prefix(index, row, has_null);
    if (has_null) continue;
    LDB_ASSIGN_OR_RETURN(const auto other, find_duplicate(table, index.id, row, own_key));
    Status violation = duplicate_error(table, index.name, index.columns, row);
    if (other) return violation;
    CommitRequirement unique;
    unique.kind = CommitRequirement::Kind::kUnique;
    unique.table = table.id;
    unique.key = own_key;
    unique.index = index.id;
    unique.prefix = prefix;
    unique.violation = std::move(violation);
    context_.transaction->require(std::move(unique));
  }
  return {};
}

void RowWriter::note_child(const Table& table, std::span<const Value> row, const std::vector<Value>* old_row) {
  for (const TableConstraint& constraint : table.constraints) {
    if (constraint.type != ConstraintType::kForeignKey) continue;
    if (old_row != nullptr) {
      const bool unchanged = std::all_of(constraint.columns.begin(), constraint.columns.end(),
                                         [&](Ordinal o) { return same_value((*old_row)[o], row[o]); });
      if (unchanged) continue;
    }
    std::vector<Value> values = pick(row, constraint.columns);
    const bool all_null = std::all_of(values.begin(), values.end(), [](const Value& v) { return v.is_null(); });
    if (constraint.match_full ? all_null : any_null(values)) continue;
    std::string key = std::to_string(table.id.value) + "/" + constraint.name + "/";
    for (std::size_t i = 0; i < values.size(); ++i) {
      encode_key(values[i], {table.columns[constraint.columns[i]].type.id, false, false}, key);
    }
    if (!child_keys_.insert(std::move(key)).second) continue;
    auto keep = shared(table);
    const TableConstraint* stable = keep->find_constraint(constraint.name);
    children_.push_back({std::move(keep), stable, std::move(values)});
  }
}

void RowWriter::note_parent(const Table& table, std::string_view key, const std::vector<Value>& old_row,
                            const std::vector<Value>* new_row) {
  for (const Reference& reference : table.references) {
    const auto child = context_.catalog->find_table(reference.table);
    const TableConstraint* constraint = child ? child->find_constraint(reference.constraint) : nullptr;
    if (constraint == nullptr) continue;
    const std::vector<Ordinal> ordinals = ordinals_of(table, constraint->referenced_columns);
    std::vector<Value> old_values = pick(old_row, ordinals);
    if (any_null(old_values)) continue;  // nothing can refer to it
    std::vector<Value> new_values;
    if (new_row != nullptr) {
      new_values = pick(*new_row, ordinals);
      if (std::equal(old_values.begin(), old_values.end(), new_values.begin(), same_value)) continue;
    }
    parents_.push_back({shared(table), reference, std::string(key), std::move(old_values), std::move(new_values)});
  }
}

Status RowWriter::count_row(std::span<const Value> row) {
  constexpr std::size_t kRowBytes = 256;  // key, links and headers of a row that waits for its commit
  std::size_t bytes = kRowBytes;
  for (const Value& value : row) bytes += memory_bytes(value);
  return memory_.add(bytes);
}

Status RowWriter::insert(const Table& table, std::vector<Value> row) {
  LDB_TRY(count_row(row));
  const std::string key = table.has_hidden_key() ? context_.new_row_key() : encode_row_key(table, row);
  LDB_TRY(check_unique(table, row, key, nullptr));
  const Status status = context_.transaction->insert(table.id, key, encode_row_cells(table, row));
  if (status.code() == StatusCode::kAlreadyExists) {
    const TableConstraint* primary = table.primary_key();
    return duplicate_error(table, primary ? primary->name : table.name.name + "_pkey", table.key_columns, row);
  }
  LDB_TRY(status);
  note_child(table, row, nullptr);
  return {};
}

Status RowWriter::update(const Table& table, std::string_view key, const std::vector<Value>& old_row,
                         std::vector<Value> new_row) {
  LDB_TRY(count_row(new_row));
  std::string new_key(key);
  if (!table.has_hidden_key()) new_key = encode_row_key(table, new_row);
  LDB_TRY(check_unique(table, new_row, key, &old_row));
  if (new_key != key) {
    LDB_TRY(context_.transaction->erase(table.id, key));
    const Status status = context_.transaction->insert(table.id, new_key, encode_row_cells(table, new_row));
    if (status.code() == StatusCode::kAlreadyExists) {
      const TableConstraint* primary = table.primary_key();
      return duplicate_error(table, primary ? primary->name : table.name.name + "_pkey", table.key_columns, new_row);
    }
    LDB_TRY(status);
  } else {
    // Columns that belong together are written together (docs/REPLICATION.md section 2).
    std::set<std::uint32_t> groups;
    std::vector<bool> changed(table.columns.size());
    for (Ordinal i = 0; i < table.columns.size(); ++i) {
      changed[i] = !identical(table.columns[i], old_row[i], new_row[i]);
      if (changed[i] && table.columns[i].merge_group != 0) groups.insert(table.columns[i].merge_group);
    }
    std::vector<CellWrite> cells;
    for (const Ordinal i : table.columns_by_id) {
      if (changed[i] || groups.contains(table.columns[i].merge_group))
        cells.push_back(encode_row_cell(table.columns[i], new_row[i]));
    }
    // An UPDATE that changes nothing still counts as one: it keeps the row alive against a concurrent delete.
    LDB_TRY(context_.transaction->update(table.id, key, std::move(cells)));
  }
  note_child(table, new_row, &old_row);
  note_parent(table, key, old_row, &new_row);
  return {};
}

Status RowWriter::erase(const Table& table, std::string_view key, const std::vector<Value>& old_row) {
  LDB_TRY(count_row(old_row));
  LDB_TRY(context_.transaction->erase(table.id, key));
  note_parent(table, key, old_row, nullptr);
  return {};
}

Result<std::vector<std::pair<std::string, std::vector<Value>>>> RowWriter::find_children(const Table& child,
                                                                                         const TableConstraint& constraint,
                                                                                         std::span<const Value> values) {
  std::vector<std::pair<std::string, std::vector<Value>>> found;
  std::vector<Value> wanted;
  for (std::size_t i = 0; i < values.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(Value value, as_column(values[i], child.columns[constraint.columns[i]]));
    wanted.push_back(std::move(value));
  }
  const Index* index = child.find_index(constraint.index);
  if (index != nullptr && index->ready) {
    std::string prefix;
    for (std::size_t i = 0; i < wanted.size(); ++i) encode_key(wanted[i], index->key[i], prefix);
    LDB_ASSIGN_OR_RETURN(auto cursor, context_.transaction->scan_index(index->id, prefix_key_range(prefix)));
    std::vector<std::string> keys;
    for (; cursor->valid(); cursor->next()) {
      LDB_ASSIGN_OR_RETURN(const std::size_t size, key_prefix_size(cursor->key(), index->key));
      keys.emplace_back(cursor->key().substr(size));
    }
    LDB_TRY(cursor->status());
    for (std::string& key : keys) {
      LDB_ASSIGN_OR_RETURN(const auto image, context_.transaction->get(child.id, key));
      if (!image) continue;
      LDB_ASSIGN_OR_RETURN(auto row, decode_row(child, *image));
      found.emplace_back(std::move(key), std::move(row));
    }
    return found;
  }
  LDB_ASSIGN_OR_RETURN(auto cursor, context_.transaction->scan(child.id, KeyRange{}));
  for (; cursor->valid(); cursor->next()) {
    LDB_ASSIGN_OR_RETURN(auto row, decode_row(child, cursor->image()));
    bool same = true;
    for (std::size_t i = 0; same && i < wanted.size(); ++i) {
      const Value& value = row[constraint.columns[i]];
      same = !value.is_null() && same_value(value, wanted[i]);
    }
    if (same) found.emplace_back(std::string(cursor->key()), std::move(row));
  }
  LDB_TRY(cursor->status());
  return found;
}

Result<std::optional<std::string>> RowWriter::find_parent(const Table& parent, const std::vector<ColumnId>& columns,
                                                          std::span<const Value> values) {
  const std::vector<Ordinal> ordinals = ordinals_of(parent, columns);
  std::vector<Value> row(parent.columns.size());
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(row[ordinals[i]], as_column(values[i], parent.columns[ordinals[i]]));
  }
  const auto covers = [&](const std::vector<Ordinal>& key) {
    return key.size() == ordinals.size() && std::is_permutation(key.begin(), key.end(), ordinals.begin());
  };
  if (covers(parent.key_columns)) return find_duplicate(parent, IndexId{}, row, "");
  for (const Index& index : parent.indexes) {
    if (index.unique && covers(index.columns)) return find_duplicate(parent, index.id, row, "");
  }
  return std::optional<std::string>();
}

Status RowWriter::check_child(const ChildCheck& check) {
  const TableConstraint& constraint = *check.constraint;
  const auto parent = context_.catalog->find_table(constraint.referenced);
  const auto violation = [&](std::string detail) {
    return constraint_error("23503",
                            "insert or update on table \"" + check.table->name.name + "\" violates foreign key constraint \"" +
                                constraint.name + "\"",
                            std::move(detail));
  };
  if (any_null(check.values)) return violation("MATCH FULL does not allow mixing of null and nonnull key values.");
  std::vector<Value> row(check.table->columns.size());
  for (std::size_t i = 0; i < check.values.size(); ++i) row[constraint.columns[i]] = check.values[i];
  Status missing = violation("Key " + describe(*check.table, constraint.columns, row) + " is not present in table \"" +
                             (parent ? parent->name.name : std::string("?")) + "\".");
  if (parent == nullptr) return missing;
  LDB_ASSIGN_OR_RETURN(const auto key, find_parent(*parent, constraint.referenced_columns, check.values));
  if (!key) {
    // The statement may have taken the child back since.
    LDB_ASSIGN_OR_RETURN(const auto children, find_children(*check.table, constraint, check.values));
    return children.empty() ? Status() : missing;
  }
  CommitRequirement alive;
  alive.kind = CommitRequirement::Kind::kRowAlive;
  alive.table = parent->id;
  alive.key = *key;
  alive.violation = std::move(missing);
  context_.transaction->require(std::move(alive));
  return {};
}

Status RowWriter::act_on_parent(const ParentChange& change) {
  const auto child = context_.catalog->find_table(change.reference.table);
  const TableConstraint* constraint = child ? child->find_constraint(change.reference.constraint) : nullptr;
  if (constraint == nullptr) return {};
  const bool gone = change.new_values.empty();
  const ReferenceAction action = gone ? constraint->on_delete : constraint->on_update;
  LDB_ASSIGN_OR_RETURN(auto children, find_children(*child, *constraint, change.old_values));
  const std::vector<Ordinal> referenced = ordinals_of(*change.table, constraint->referenced_columns);
  std::vector<Value> shown(change.table->columns.size());
  for (std::size_t i = 0; i < referenced.size(); ++i) shown[referenced[i]] = change.old_values[i];
  Status violation = constraint_error(
      "23503",
      "update or delete on table \"" + change.table->name.name + "\" violates foreign key constraint \"" + constraint->name +
          "\" on table \"" + child->name.name + "\"",
      "Key " + describe(*change.table, referenced, shown) + " is still referenced from table \"" + child->name.name + "\".");
  if (action != ReferenceAction::kRestrict) {
    // Another row of the statement may stand where the old one stood.
    LDB_ASSIGN_OR_RETURN(const auto replacement, find_parent(*change.table, constraint->referenced_columns, change.old_values));
    if (replacement) return {};
  }
  if (action == ReferenceAction::kNoAction || action == ReferenceAction::kRestrict) {
    if (!children.empty()) return violation;
  } else {
    for (auto& [key, row] : children) {
      if (action == ReferenceAction::kCascade && gone) {
        LDB_TRY(erase(*child, key, row));
        continue;
      }
      std::vector<Value> changed = row;
      for (std::size_t i = 0; i < constraint->columns.size(); ++i) {
        const Column& column = child->columns[constraint->columns[i]];
        Value& value = changed[constraint->columns[i]];
        if (action == ReferenceAction::kCascade) {
          LDB_ASSIGN_OR_RETURN(value, as_column(change.new_values[i], column));
        } else if (action == ReferenceAction::kSetDefault && column.default_value) {
          LDB_ASSIGN_OR_RETURN(value, context_.column_default(*child, constraint->columns[i]));
        } else {
          value = Value(column.type.id, {});
        }
      }
      LDB_ASSIGN_OR_RETURN(const RowRules* rules, context_.row_rules(*child));
      LDB_ASSIGN_OR_RETURN(changed, apply_row_rules(*child, *rules, std::move(changed), context_));
      LDB_TRY(update(*child, key, row, std::move(changed)));
    }
  }
  const Index* index = child->find_index(constraint->index);
  if (index == nullptr) return {};
  CommitRequirement none;
  none.kind = CommitRequirement::Kind::kNoEntries;
  none.table = change.table->id;
  none.key = change.key;
  none.index = index->id;
  for (std::size_t i = 0; i < change.old_values.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(const Value value, as_column(change.old_values[i], child->columns[constraint->columns[i]]));
    encode_key(value, index->key[i], none.prefix);
  }
  none.violation = std::move(violation);
  context_.transaction->require(std::move(none));
  return {};
}

Status RowWriter::finish() {
  // Cascades write rows, which may ask for more.
  for (std::size_t i = 0; i < parents_.size(); ++i) {
    if (i > 1'000'000) return Status::sql(StatusCode::kResourceExhausted, "54001", "foreign key actions go on for too long");
    const ParentChange change = std::move(parents_[i]);
    LDB_TRY(act_on_parent(change));
  }
  parents_.clear();
  for (const ChildCheck& check : children_) LDB_TRY(check_child(check));
  children_.clear();
  child_keys_.clear();
  return {};
}

}  // namespace ldb::sql
