#include "sql/catalog/catalog_loader.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/coding.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/catalog/system_tables.hpp"
#include "sql/types/cell_codec.hpp"

namespace ldb::sql {
namespace {

struct SystemRow {
  std::vector<Value> values;
  WriteId birth;  ///< of a row not committed yet: above all others
};

std::string text_of(const Value& v) { return v.is_null() ? std::string() : std::get<std::string>(v.storage()); }
std::int64_t int_of(const Value& v) { return v.is_null() ? 0 : std::get<std::int64_t>(v.storage()); }
std::uint64_t id_of(const Value& v) { return static_cast<std::uint64_t>(int_of(v)); }
bool bool_of(const Value& v) { return !v.is_null() && std::get<bool>(v.storage()); }

Result<std::vector<SystemRow>> read_rows(RowTransaction& transaction, TableId id) {
  const auto table = find_system_table(id);
  std::vector<SystemRow> rows;
  LDB_ASSIGN_OR_RETURN(auto cursor, transaction.scan(id, KeyRange{}));
  for (; cursor->valid(); cursor->next()) {
    SystemRow row;
    LDB_ASSIGN_OR_RETURN(row.values, decode_row(*table, cursor->image()));
    LDB_ASSIGN_OR_RETURN(row.birth, row_birth(cursor->image()));
    if (!row.birth) row.birth = {Stamp{~std::uint64_t{0}}, OriginId{~std::uint64_t{0}}};
    rows.push_back(std::move(row));
  }
  LDB_TRY(cursor->status());
  return rows;
}

Status parse_stored(std::string sql, StoredExpression& out) {
  if (sql.empty()) return {};
  auto parsed = parse_expression(sql);
  if (!parsed) return parsed.error().with_context("catalog expression " + sql);
  out.sql = std::move(sql);
  out.parsed = std::make_shared<const ParsedExpression>(std::move(parsed).value());
  return {};
}

std::string hex_suffix(std::uint64_t id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "_";
  for (int shift = 28; shift >= 0; shift -= 4) out.push_back(kDigits[(id >> shift) & 15]);
  return out;
}

}  // namespace

/// The assembly, step by step; run() once.
class CatalogLoader {
 public:
  CatalogLoader(RowTransaction& transaction, std::uint64_t version)
      : transaction_(transaction), catalog_(std::make_shared<Catalog>()) {
    catalog_->version_ = version;
    catalog_->view_sequence_ = transaction.view_sequence();
  }

  Result<std::shared_ptr<Catalog>> run() {
    LDB_TRY(load_generations());
    LDB_TRY(load_databases());
    LDB_TRY(load_relations());
    LDB_TRY(load_columns());
    LDB_TRY(load_indexes());
    LDB_TRY(load_constraints());
    LDB_TRY(load_views());
    LDB_TRY(load_sequences());
    LDB_TRY(load_notes());
    publish_tables();
    return catalog_;
  }

 private:
  struct Relation {
    RelationKind kind;
    TableId id;
    RelationName name;
    WriteId birth;
    std::vector<ColumnId> key_columns;
    MergeMode merge;
  };

  Status load_databases() {
    catalog_->databases_.emplace(kDefaultDatabase);
    LDB_ASSIGN_OR_RETURN(const auto databases, read_rows(transaction_, kDatabasesTable));
    for (const SystemRow& row : databases) catalog_->databases_.insert(text_of(row.values[0]));
    for (const std::string& database : catalog_->databases_) {
      catalog_->schemas_.emplace(database, std::string(kDefaultSchema));
    }
    LDB_ASSIGN_OR_RETURN(const auto schemas, read_rows(transaction_, kSchemasTable));
    for (const SystemRow& row : schemas) {
      std::pair<std::string, std::string> key{text_of(row.values[0]), text_of(row.values[1])};
      if (!catalog_->databases_.contains(key.first)) continue;
      if (bool_of(row.values[2])) {
        catalog_->schemas_.erase(key);
      } else {
        catalog_->schemas_.insert(std::move(key));
      }
    }
    return {};
  }

  Status load_relations() {
    std::unordered_map<TableId, RelationName> names;
    LDB_ASSIGN_OR_RETURN(const auto name_rows, read_rows(transaction_, kNamesTable));
    for (const SystemRow& row : name_rows) {
      names[TableId{id_of(row.values[0])}] = {text_of(row.values[1]), text_of(row.values[2]), text_of(row.values[3])};
    }
    LDB_ASSIGN_OR_RETURN(const auto rows, read_rows(transaction_, kRelationsTable));
    for (const SystemRow& row : rows) {
      namespace c = relations_column;
      const TableId id{id_of(row.values[c::kId])};
      RelationName name{text_of(row.values[c::kDatabase]), text_of(row.values[c::kSchema]), text_of(row.values[c::kName])};
      if (const auto renamed = names.find(id); renamed != names.end()) name = renamed->second;
      if (!catalog_->schemas_.contains({name.database, name.schema})) continue;  // its schema was dropped on another node
      if (catalog_->is_dropped(id)) continue;  // though the same CREATE TABLE was run on another node that did not know
      relations_.push_back({static_cast<RelationKind>(int_of(row.values[c::kKind])), id, std::move(name), row.birth,
                            decode_ids(text_of(row.values[c::kKeyColumns])),
                            static_cast<MergeMode>(int_of(row.values[c::kMerge]))});
    }
    std::sort(relations_.begin(), relations_.end(),
              [](const Relation& a, const Relation& b) { return std::tie(a.birth, a.id) < std::tie(b.birth, b.id); });
    for (Relation& relation : relations_) {
      if (catalog_->relations_.contains(relation.name)) rename("relation", relation.name, relation.id.value);
      catalog_->relations_[relation.name] = {relation.kind, relation.id};
      if (relation.kind != RelationKind::kTable) continue;
      auto table = std::make_shared<Table>();
      table->id = relation.id;
      table->name = relation.name;
      table->merge = relation.merge;
      tables_[relation.id] = std::move(table);
    }
    return {};
  }

  /// Gives the later of two things another name, the same on every node.
  void rename(const char* kind, RelationName& name, std::uint64_t id) {
    SchemaConflict conflict{kind, name, name.name + hex_suffix(id), id};
    name.name = conflict.renamed_to;
    catalog_->conflicts_.push_back(std::move(conflict));
  }

  Status load_columns() {
    LDB_ASSIGN_OR_RETURN(auto rows, read_rows(transaction_, kColumnsTable));
    namespace c = columns_column;
    std::stable_sort(rows.begin(), rows.end(), [](const SystemRow& a, const SystemRow& b) {
      const std::int64_t position_a = int_of(a.values[c::kPosition]);
      const std::int64_t position_b = int_of(b.values[c::kPosition]);
      if (position_a != position_b) return position_a < position_b;
      if (a.birth != b.birth) return a.birth < b.birth;
      return int_of(a.values[c::kId]) < int_of(b.values[c::kId]);
    });
    for (const SystemRow& row : rows) {
      const auto found = tables_.find(TableId{id_of(row.values[c::kTable])});
      if (found == tables_.end()) continue;  // the table was dropped on another node
      LDB_TRY(add_column(row, *found->second));
    }
    for (Relation& relation : relations_) {
      if (relation.kind == RelationKind::kTable) finish_columns(relation, *tables_[relation.id]);
    }
    return {};
  }

  Status add_column(const SystemRow& row, Table& table) {
    namespace c = columns_column;
    Column column;
    column.id = ColumnId{static_cast<std::uint32_t>(int_of(row.values[c::kId]))};
    column.name = text_of(row.values[c::kName]);
    column.type = {static_cast<TypeId>(int_of(row.values[c::kType])), static_cast<std::int32_t>(int_of(row.values[c::kLength])),
                   static_cast<std::int32_t>(int_of(row.values[c::kScale]))};
    column.position = static_cast<std::int32_t>(int_of(row.values[c::kPosition]));
    column.not_null = bool_of(row.values[c::kNotNull]);
    column.identity = static_cast<IdentityKind>(int_of(row.values[c::kIdentity]));
    LDB_TRY(parse_stored(text_of(row.values[c::kDefault]), column.default_value));
    LDB_TRY(parse_stored(text_of(row.values[c::kGenerated]), column.generated));
    column.missing = Value(column.type.id, {});
    if (!row.values[c::kMissing].is_null()) {
      std::string_view bytes = std::get<Bytes>(row.values[c::kMissing].storage()).data;
      LDB_ASSIGN_OR_RETURN(column.missing, decode_cell(bytes, column.type.id));
    }
    if (table.find_column(column.name)) {
      RelationName name = table.name;
      name.name = column.name;
      rename("column", name, column.id.value);
      column.name = name.name;
    }
    table.columns.push_back(std::move(column));
    return {};
  }

  static void finish_columns(const Relation& relation, Table& table) {
    table.columns_by_id.resize(table.columns.size());
    std::iota(table.columns_by_id.begin(), table.columns_by_id.end(), Ordinal{0});
    std::sort(table.columns_by_id.begin(), table.columns_by_id.end(),
              [&](Ordinal a, Ordinal b) { return table.columns[a].id < table.columns[b].id; });
    for (const ColumnId id : relation.key_columns) {
      if (const auto ordinal = table.find_column(id)) {
        table.key_columns.push_back(*ordinal);
        table.key.push_back({table.columns[*ordinal].type.id, false, false});
      }
    }
  }

  static bool to_ordinals(const Table& table, const std::vector<ColumnId>& ids, std::vector<Ordinal>& out) {
    for (const ColumnId id : ids) {
      const auto ordinal = table.find_column(id);
      if (!ordinal) return false;
      out.push_back(*ordinal);
    }
    return true;
  }

  Status load_indexes() {
    LDB_ASSIGN_OR_RETURN(auto rows, read_rows(transaction_, kIndexesTable));
    namespace c = indexes_column;
    std::sort(rows.begin(), rows.end(), [](const SystemRow& a, const SystemRow& b) {
      if (a.birth != b.birth) return a.birth < b.birth;
      return id_of(a.values[c::kId]) < id_of(b.values[c::kId]);
    });
    for (const SystemRow& row : rows) {
      const auto found = tables_.find(TableId{id_of(row.values[c::kTable])});
      if (found == tables_.end()) continue;
      Table& table = *found->second;
      Index index;
      index.id = IndexId{id_of(row.values[c::kId])};
      index.name = text_of(row.values[c::kName]);
      index.unique = bool_of(row.values[c::kUnique]);
      index.internal = bool_of(row.values[c::kInternal]);
      // "3,4-" : the id, with a minus for descending.
      LDB_TRY(decode_index_columns(text_of(row.values[c::kColumns]), table, index));
      if (index.columns.empty()) continue;  // a column was dropped on another node
      if (!index.internal) {
        RelationName name = table.name;
        name.name = index.name;
        if (catalog_->is_taken(name)) rename("index", name, index.id.value);
        index.name = name.name;
        catalog_->index_names_[name] = index.id;
      }
      catalog_->index_tables_[index.id] = table.id;
      table.indexes.push_back(std::move(index));
    }
    return {};
  }

  static Status decode_index_columns(std::string_view text, const Table& table, Index& index) {
    while (!text.empty()) {
      const std::size_t comma = std::min(text.find(','), text.size());
      std::string_view part = text.substr(0, comma);
      text.remove_prefix(std::min(comma + 1, text.size()));
      KeyColumn key;
      while (!part.empty() && (part.back() == '-' || part.back() == 'f')) {
        (part.back() == '-' ? key.descending : key.nulls_first) = true;
        part.remove_suffix(1);
      }
      std::uint32_t id = 0;
      std::from_chars(part.data(), part.data() + part.size(), id);
      const auto ordinal = table.find_column(ColumnId{id});
      if (!ordinal) {
        index.columns.clear();
        return {};
      }
      key.type = table.columns[*ordinal].type.id;
      index.columns.push_back(*ordinal);
      index.key.push_back(key);
    }
    return {};
  }

  Status load_constraints() {
    LDB_ASSIGN_OR_RETURN(const auto rows, read_rows(transaction_, kConstraintsTable));
    namespace c = constraints_column;
    for (const SystemRow& row : rows) {
      const auto found = tables_.find(TableId{id_of(row.values[c::kTable])});
      if (found == tables_.end()) continue;
      Table& table = *found->second;
      TableConstraint constraint;
      constraint.type = static_cast<ConstraintType>(int_of(row.values[c::kKind]));
      constraint.name = text_of(row.values[c::kName]);
      if (!to_ordinals(table, decode_ids(text_of(row.values[c::kColumns])), constraint.columns)) continue;
      LDB_TRY(parse_stored(text_of(row.values[c::kExpression]), constraint.check));
      constraint.index = IndexId{id_of(row.values[c::kIndex])};
      constraint.referenced = TableId{id_of(row.values[c::kReferenced])};
      constraint.referenced_columns = decode_ids(text_of(row.values[c::kReferencedColumns]));
      constraint.on_delete = static_cast<ReferenceAction>(int_of(row.values[c::kOnDelete]));
      constraint.on_update = static_cast<ReferenceAction>(int_of(row.values[c::kOnUpdate]));
      constraint.match_full = bool_of(row.values[c::kMatchFull]);
      if (constraint.type == ConstraintType::kForeignKey) {
        const auto parent = tables_.find(constraint.referenced);
        std::vector<Ordinal> ignored;
        if (parent == tables_.end() || !to_ordinals(*parent->second, constraint.referenced_columns, ignored)) continue;
        parent->second->references.push_back({table.id, constraint.name});
      }
      table.constraints.push_back(std::move(constraint));
    }
    for (auto& [id, table] : tables_) set_merge_groups(*table);
    return {};
  }

  /// Columns that one CHECK mentions belong together, transitively; with MERGE = 'row' all do.
  static void set_merge_groups(Table& table) {
    std::vector<std::uint32_t> group(table.columns.size(), 0);
    std::uint32_t next = 1;
    const auto join = [&](const std::vector<Ordinal>& columns) {
      const std::uint32_t joined = next++;
      for (const Ordinal column : columns) {
        const std::uint32_t old = group[column];
        for (std::uint32_t& g : group) {
          if (old != 0 && g == old) g = joined;
        }
        group[column] = joined;
      }
    };
    if (table.merge == MergeMode::kRow) {
      join(table.columns_by_id);
    } else {
      for (const TableConstraint& constraint : table.constraints) {
        if (constraint.type == ConstraintType::kCheck && constraint.columns.size() > 1) join(constraint.columns);
      }
    }
    for (Ordinal i = 0; i < group.size(); ++i) table.columns[i].merge_group = group[i];
  }

  Status load_views() {
    LDB_ASSIGN_OR_RETURN(const auto rows, read_rows(transaction_, kViewsTable));
    namespace c = views_column;
    std::unordered_map<TableId, RelationName> names;
    for (const Relation& relation : relations_) names[relation.id] = relation.name;
    for (const SystemRow& row : rows) {
      const TableId id{id_of(row.values[c::kId])};
      const auto name = names.find(id);
      if (name == names.end()) continue;
      auto view = std::make_shared<View>();
      view->id = id;
      view->name = name->second;
      view->sql = text_of(row.values[c::kSql]);
      view->column_names = decode_names(text_of(row.values[c::kColumnNames]));
      view->output_names = decode_names(text_of(row.values[c::kOutputNames]));
      view->output_types = decode_types(text_of(row.values[c::kOutputTypes]));
      catalog_->views_[id] = std::move(view);
    }
    return {};
  }

  Status load_sequences() {
    LDB_ASSIGN_OR_RETURN(const auto rows, read_rows(transaction_, kSequencesTable));
    namespace c = sequences_column;
    std::unordered_map<TableId, RelationName> names;
    for (const Relation& relation : relations_) names[relation.id] = relation.name;
    for (const SystemRow& row : rows) {
      const TableId id{id_of(row.values[c::kId])};
      const auto name = names.find(id);
      if (name == names.end()) continue;
      auto sequence = std::make_shared<Sequence>();
      sequence->id = id;
      sequence->name = name->second;
      sequence->type.id = static_cast<TypeId>(int_of(row.values[c::kType]));
      sequence->increment = int_of(row.values[c::kIncrement]);
      sequence->min_value = int_of(row.values[c::kMinValue]);
      sequence->max_value = int_of(row.values[c::kMaxValue]);
      sequence->start = int_of(row.values[c::kStart]);
      sequence->cycle = bool_of(row.values[c::kCycle]);
      sequence->cache = int_of(row.values[c::kCache]);
      sequence->owner_table = TableId{id_of(row.values[c::kOwnerTable])};
      sequence->owner_column = ColumnId{static_cast<std::uint32_t>(int_of(row.values[c::kOwnerColumn]))};
      catalog_->sequences_[id] = std::move(sequence);
    }
    return {};
  }

  Status load_generations() {
    LDB_ASSIGN_OR_RETURN(const auto generations, read_rows(transaction_, kGenerationsTable));
    for (const SystemRow& row : generations) {
      catalog_->generations_[{text_of(row.values[0]), text_of(row.values[1])}] = int_of(row.values[2]);
    }
    return {};
  }

  Status load_notes() {
    LDB_ASSIGN_OR_RETURN(const auto comments, read_rows(transaction_, kCommentsTable));
    for (const SystemRow& row : comments) catalog_->comments_[text_of(row.values[0])] = text_of(row.values[1]);
    return {};
  }

  void publish_tables() {
    for (auto& [id, table] : tables_) catalog_->tables_[id] = std::move(table);
    catalog_->index_tables_[kNamesIndex] = kNamesTable;
  }

  RowTransaction& transaction_;
  std::shared_ptr<Catalog> catalog_;
  std::vector<Relation> relations_;
  std::unordered_map<TableId, std::shared_ptr<Table>> tables_;
};

Result<std::shared_ptr<Catalog>> load_catalog(RowTransaction& transaction, std::uint64_t version) {
  return CatalogLoader(transaction, version).run();
}

std::string encode_ids(const std::vector<ColumnId>& ids) {
  std::string out;
  for (const ColumnId id : ids) {
    if (!out.empty()) out.push_back(',');
    out += std::to_string(id.value);
  }
  return out;
}

std::vector<ColumnId> decode_ids(std::string_view text) {
  std::vector<ColumnId> ids;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p < end) {
    ColumnId id;
    const auto [next, error] = std::from_chars(p, end, id.value);
    if (error != std::errc()) break;
    ids.push_back(id);
    p = next < end ? next + 1 : next;
  }
  return ids;
}

std::string encode_types(const std::vector<DataType>& types) {
  std::string out;
  for (const DataType& type : types) {
    out += std::to_string(static_cast<int>(type.id)) + ',' + std::to_string(type.length) + ',' + std::to_string(type.scale) + ';';
  }
  return out;
}

std::vector<DataType> decode_types(std::string_view text) {
  std::vector<DataType> types;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p < end) {
    int numbers[3] = {0, -1, 0};
    for (int& number : numbers) {
      const auto [next, error] = std::from_chars(p, end, number);
      if (error != std::errc()) return types;
      p = next < end ? next + 1 : next;
    }
    types.push_back({static_cast<TypeId>(numbers[0]), numbers[1], numbers[2]});
  }
  return types;
}

std::string encode_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += std::to_string(name.size()) + ':' + name;  // names hold any character
  }
  return out;
}

std::vector<std::string> decode_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    std::size_t size = 0;
    const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    const auto start = static_cast<std::size_t>(next - text.data()) + 1;
    if (error != std::errc() || start > text.size() || size > text.size() - start) break;
    names.emplace_back(text.substr(start, size));
    text.remove_prefix(start + size);
  }
  return names;
}

}  // namespace ldb::sql
