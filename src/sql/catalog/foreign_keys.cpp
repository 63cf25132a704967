#include "sql/catalog/foreign_keys.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/types/cast.hpp"

namespace ldb::sql {
namespace {

/// One foreign key with both tables.
struct Key {
  const TableConstraint& constraint;
  const Table& child;
  const Table& parent;
  const Index* index = nullptr;  ///< of the child
  std::vector<Ordinal> referenced;
};

/// Both ends are there on this node (one may have been dropped on another), with the index that finds the children.
bool is_complete(Key& key) {
  key.index = key.child.find_index(key.constraint.index);
  for (const ColumnId id : key.constraint.referenced_columns) {
    if (const auto ordinal = key.parent.find_column(id)) key.referenced.push_back(*ordinal);
  }
  return key.index != nullptr && key.referenced.size() == key.constraint.columns.size() &&
         key.index->key.size() >= key.constraint.columns.size();
}

/// Both ends may differ in type within what compares. False: no value of the column equals it.
bool as_column(const Value& value, const Column& column, Value& out) {
  if (value.type() == column.type.id) {
    out = value;
    return true;
  }
  auto converted = cast_value(value, {column.type.id, -1, 0}, CastContext::kExplicit);
  if (!converted) return false;
  out = std::move(converted).value();
  return true;
}

RowReference start_of(const Key& key) {
  RowReference reference;
  reference.constraint = constraint_id(key.child.id, key.constraint.name);
  reference.child = key.child.id;
  reference.index = key.index->id;
  reference.parent = key.parent.id;
  return reference;
}

bool covers(const Key& key, const std::vector<Ordinal>& columns) {
  return columns.size() == key.referenced.size() && std::is_permutation(columns.begin(), columns.end(), key.referenced.begin());
}

/// Where the parent with these values stands. `row`: of the parent, with the referenced columns filled.
void find_parent(const Key& key, const std::vector<Value>& row, RowReference& reference) {
  if (covers(key, key.parent.key_columns)) {
    reference.parent_key = encode_row_key(key.parent, row);
    return;
  }
  for (const Index& index : key.parent.indexes) {
    if (!index.unique || !covers(key, index.columns)) continue;
    bool has_null = false;
    reference.parent_index = index.id;
    reference.parent_prefix = encode_index_prefix(index, row, has_null);
    return;
  }
}

}  // namespace

ConstraintId constraint_id(TableId table, std::string_view constraint) {
  std::string bytes;
  put_u64(bytes, table.value);
  put_bytes(bytes, constraint);
  return ConstraintId{hash64(bytes)};
}

std::uint64_t foreign_key_definition(const Catalog& catalog, const Table& table) {
  std::string bytes;
  for (const TableConstraint& constraint : table.constraints) {
    const auto parent = constraint.type == ConstraintType::kForeignKey ? catalog.find_table(constraint.referenced) : nullptr;
    if (parent == nullptr) continue;
    Key key{constraint, table, *parent, nullptr, {}};
    if (!is_complete(key)) continue;
    put_bytes(bytes, constraint.name);
    put_u64(bytes, key.index->id.value);
    put_u64(bytes, parent->id.value);
    for (const Ordinal column : constraint.columns) put_u32(bytes, table.columns[column].id.value);
    for (const ColumnId column : constraint.referenced_columns) put_u32(bytes, column.value);
  }
  return bytes.empty() ? 0 : std::max<std::uint64_t>(1, hash64(bytes));
}

Status append_references(const Catalog& catalog, const Table& table, std::string_view image, std::vector<RowReference>& out) {
  std::vector<Value> row;
  for (const TableConstraint& constraint : table.constraints) {
    const auto parent = constraint.type == ConstraintType::kForeignKey ? catalog.find_table(constraint.referenced) : nullptr;
    if (parent == nullptr) continue;
    Key key{constraint, table, *parent, nullptr, {}};
    if (!is_complete(key)) continue;
    if (row.empty()) {
      LDB_ASSIGN_OR_RETURN(row, decode_row(table, image));
    }
    RowReference reference = start_of(key);
    std::vector<Value> parent_row(parent->columns.size());
    bool has_null = false;
    bool possible = true;
    for (std::size_t i = 0; i < constraint.columns.size(); ++i) {
      const Value& value = row[constraint.columns[i]];
      has_null = has_null || value.is_null();
      if (has_null) break;
      encode_key(value, key.index->key[i], reference.prefix);
      const Ordinal referenced = key.referenced[i];
      possible = possible && as_column(value, parent->columns[referenced], parent_row[referenced]);
    }
    if (has_null) continue;
    if (possible) find_parent(key, parent_row, reference);
    out.push_back(std::move(reference));
  }
  return {};
}

Status append_referrers(const Catalog& catalog, const Table& table, std::string_view row_key, std::string_view image,
                        std::vector<RowReference>& out) {
  std::vector<Value> row;
  for (const Reference& referrer : table.references) {
    const auto child = catalog.find_table(referrer.table);
    const TableConstraint* const constraint = child ? child->find_constraint(referrer.constraint) : nullptr;
    if (constraint == nullptr) continue;
    Key key{*constraint, *child, table, nullptr, {}};
    if (!is_complete(key)) continue;
    if (row.empty()) {
      LDB_ASSIGN_OR_RETURN(row, decode_row(table, image));
    }
    RowReference reference = start_of(key);
    bool possible = true;
    for (std::size_t i = 0; possible && i < key.referenced.size(); ++i) {
      const Value& value = row[key.referenced[i]];
      Value own;
      possible = !value.is_null() && as_column(value, child->columns[constraint->columns[i]], own);
      if (possible) encode_key(own, key.index->key[i], reference.prefix);
    }
    if (!possible) continue;
    find_parent(key, row, reference);
    if (!reference.parent_key.empty()) reference.parent_key = row_key;
    out.push_back(std::move(reference));
  }
  return {};
}

}  // namespace ldb::sql
