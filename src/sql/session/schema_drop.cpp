// DROP, RENAME, SET SCHEMA, TRUNCATE.
#include <algorithm>

#include "sql/parse/to_sql.hpp"
#include "sql/session/schema_changer.hpp"

namespace ldb::sql {
namespace {

std::string_view word_of(ast::ObjectKind kind) {
  switch (kind) {
    case ast::ObjectKind::kTable:
      return "table";
    case ast::ObjectKind::kIndex:
      return "index";
    case ast::ObjectKind::kView:
      return "view";
    case ast::ObjectKind::kSequence:
      return "sequence";
    case ast::ObjectKind::kSchema:
      return "schema";
    case ast::ObjectKind::kDatabase:
      return "database";
    default:
      return "materialized view";
  }
}

Status in_use(const std::string& what, std::string detail) {
  return Status::sql(StatusCode::kConstraint, "2BP01", "cannot drop " + what + " because other objects depend on it")
      .with_detail(std::move(detail));
}

}  // namespace

Result<std::string> SchemaChanger::drop(const ast::Drop& s) {
  for (const ast::QualifiedName& name : s.names) {
    switch (s.object) {
      case ast::ObjectKind::kTable:
        LDB_TRY(drop_one_relation(s, name, RelationKind::kTable));
        break;
      case ast::ObjectKind::kView:
        LDB_TRY(drop_one_relation(s, name, RelationKind::kView));
        break;
      case ast::ObjectKind::kSequence:
        LDB_TRY(drop_one_relation(s, name, RelationKind::kSequence));
        break;
      case ast::ObjectKind::kIndex:
        LDB_TRY(drop_index(s, name));
        break;
      case ast::ObjectKind::kSchema:
        LDB_TRY(drop_schema(s, name));
        break;
      case ast::ObjectKind::kDatabase:
        LDB_TRY(drop_database(s, name));
        break;
      default:
        return unsupported("materialized views", s.position);
    }
    LDB_TRY(host_.refresh());
  }
  std::string tag = "DROP " + std::string(word_of(s.object));
  std::transform(tag.begin(), tag.end(), tag.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return tag;
}

Status SchemaChanger::drop_one_relation(const ast::Drop& s, const ast::QualifiedName& name, RelationKind kind) {
  const auto full = find_name(name);
  const RelationEntry* entry = full ? catalog().find_relation(*full) : nullptr;
  const std::string shown = (name.schema.empty() ? "" : std::string(name.schema) + ".") + std::string(name.name);
  if (entry == nullptr) {
    if (!name.schema.empty() && !catalog().has_schema(host_.database(), name.schema) && !s.if_exists) {
      return bind_error("3F000", "schema \"" + std::string(name.schema) + "\" does not exist", name.position);
    }
    if (full) return bind_error("42809", "\"" + shown + "\" is not a " + std::string(word_of(s.object)), name.position);
    if (s.if_exists) return {};
    return bind_error("42P01", std::string(word_of(s.object)) + " \"" + shown + "\" does not exist", name.position);
  }
  if (entry->kind != kind)
    return bind_error("42809", "\"" + shown + "\" is not a " + std::string(word_of(s.object)), name.position);
  const TableId id = entry->id;
  LDB_TRY(drop_dependent_views(id, s.cascade, std::string(word_of(s.object)) + " " + full->name));
  if (kind == RelationKind::kTable && !s.cascade) {
    const auto table = catalog().find_table(id);
    for (const Reference& reference : table->references) {
      const auto child = catalog().find_table(reference.table);
      const bool dropped_too = std::any_of(s.names.begin(), s.names.end(), [&](const ast::QualifiedName& other) {
        const auto other_name = find_name(other);
        return other_name && child && *other_name == child->name;
      });
      if (reference.table == id || dropped_too || child == nullptr) continue;
      return in_use("table " + full->name,
                    "constraint " + reference.constraint + " on table " + child->name.name + " depends on table " + full->name);
    }
  }
  if (kind == RelationKind::kSequence) {
    LDB_TRY(drop_dependent_defaults(id, s.cascade));
    const auto sequence = catalog().find_sequence(id);
    const auto owner = catalog().find_table(sequence->owner_table);
    const auto column = owner ? owner->find_column(sequence->owner_column) : std::nullopt;
    if (column && owner->columns[*column].default_value.sql.find(quote_identifier(full->name)) != std::string::npos) {
      if (!s.cascade) {
        return in_use("sequence " + full->name, "default value for column " + owner->columns[*column].name + " of table " +
                                                    owner->name.name + " depends on sequence " + full->name);
      }
      Column changed = owner->columns[*column];
      changed.default_value = {};
      changed.identity = IdentityKind::kNone;
      LDB_TRY(editor().update_column(*owner, changed));
    }
  }
  host_.forget_sequence(id);
  return editor().drop_relation(id);
}

namespace {

/// The names in nextval('name') of a stored expression.
std::vector<std::string> sequences_in(const std::string& sql) {
  constexpr std::string_view kCall = "nextval('";
  std::vector<std::string> names;
  for (std::size_t at = sql.find(kCall); at != std::string::npos; at = sql.find(kCall, at)) {
    at += kCall.size();
    std::string name;
    for (; at < sql.size() && (sql[at] != '\'' || (at + 1 < sql.size() && sql[at + 1] == '\'')); ++at) {
      if (sql[at] == '\'') ++at;
      name += sql[at];
    }
    if (at + 1 < sql.size() && sql[at + 1] == ')') names.push_back(std::move(name));  // the literal is the whole argument
  }
  return names;
}

}  // namespace

/// Column defaults that take their values from the sequence, other than those of the column that owns it.
Status SchemaChanger::drop_dependent_defaults(TableId id, bool cascade) {
  const auto sequence = catalog().find_sequence(id);
  std::vector<std::pair<TableId, ColumnId>> dependents;
  for (const auto& [table_id, table] : catalog().tables()) {
    if (table->name.database != sequence->name.database) continue;
    for (const Column& column : table->columns) {
      if (table_id == sequence->owner_table && column.id == sequence->owner_column) continue;
      for (const std::string& text : sequences_in(column.default_value.sql)) {
        const auto parsed = parse_expression(text);
        const auto* ref = parsed ? parsed->expression->as<ast::ColumnRef>() : nullptr;
        if (ref == nullptr || ref->parts.size() > 2) continue;
        ast::QualifiedName name;
        name.name = ref->parts.back();
        if (ref->parts.size() == 2) name.schema = ref->parts.front();
        const auto full = find_name(name);
        if (!full || *full != sequence->name) continue;
        if (!cascade) {
          return in_use("sequence " + sequence->name.name, "default value for column " + column.name + " of table " +
                                                               table->name.name + " depends on sequence " + sequence->name.name);
        }
        dependents.emplace_back(table_id, column.id);
        break;
      }
    }
  }
  for (const auto& [table_id, column_id] : dependents) {
    const auto table = catalog().find_table(table_id);
    Column changed = table->columns[*table->find_column(column_id)];
    changed.default_value = {};
    LDB_TRY(editor().update_column(*table, changed));
    LDB_TRY(host_.refresh());
  }
  return {};
}

/// A view depends on a table when binding it without the table would fail; its text says whether it mentions the name.
Status SchemaChanger::drop_dependent_views(TableId id, bool cascade, const std::string& what, const std::string* column) {
  std::optional<RelationName> target;
  for (const auto& [name, entry] : catalog().relations()) {
    if (entry.id == id) target = name;
  }
  if (!target) return {};
  std::vector<std::pair<RelationName, TableId>> dependents;
  for (const auto& [name, entry] : catalog().relations()) {
    if (entry.kind != RelationKind::kView || entry.id == id || name.database != target->database) continue;
    const auto view = catalog().find_view(entry.id);
    auto script = parse(view->sql);
    if (!script || script->statements.empty()) continue;
    // Word-wise search in the canonical text: names stand there as quote_identifier writes them.
    const auto mentions = [&](const std::string& word) {
      const std::string needle = quote_identifier(word);
      for (std::size_t at = view->sql.find(needle); at != std::string::npos; at = view->sql.find(needle, at + 1)) {
        const auto is_word = [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '"';
        };
        const bool starts = at == 0 || !is_word(view->sql[at - 1]);
        const bool ends = at + needle.size() >= view->sql.size() || !is_word(view->sql[at + needle.size()]);
        if (starts && ends) return true;
      }
      return false;
    };
    if (mentions(target->name) && (column == nullptr || mentions(*column))) dependents.emplace_back(name, entry.id);
  }
  for (const auto& [name, view] : dependents) {
    if (!cascade) return in_use(what, "view " + name.name + " depends on " + what);
    LDB_TRY(drop_dependent_views(view, true, "view " + name.name));
    LDB_TRY(editor().drop_relation(view));
    LDB_TRY(host_.refresh());
  }
  return {};
}

Status SchemaChanger::drop_index(const ast::Drop& s, const ast::QualifiedName& name) {
  const auto full = find_name(name);
  const auto [table, place] = full ? catalog().find_index(*full) : std::pair<std::shared_ptr<const Table>, std::size_t>();
  if (table == nullptr) {
    if (full) return bind_error("42809", "\"" + full->name + "\" is not an index", name.position);
    if (s.if_exists) return {};
    return bind_error("42704", "index \"" + std::string(name.name) + "\" does not exist", name.position);
  }
  const Index& index = table->indexes[place];
  for (const TableConstraint& constraint : table->constraints) {
    if (constraint.index != index.id || constraint.type == ConstraintType::kForeignKey) continue;
    return Status::sql(StatusCode::kConstraint, "2BP01",
                       "cannot drop index " + index.name + " because constraint " + constraint.name + " on table " +
                           table->name.name + " requires it",
                       name.position);
  }
  // Foreign keys that were using it get an index of their own again.
  std::vector<TableConstraint> orphans;
  for (const TableConstraint& constraint : table->constraints) {
    if (constraint.index == index.id) orphans.push_back(constraint);
  }
  LDB_TRY(editor().drop_index(*table, index));
  const TableId id = table->id;
  for (TableConstraint constraint : orphans) {
    CatalogEditor edit = editor();
    LDB_TRY(edit.drop_constraint(*table, constraint));
    LDB_TRY(host_.refresh());
    constraint.index = IndexId{};
    LDB_TRY(editor().add_constraint(*catalog().find_table(id), constraint));
    LDB_TRY(host_.refresh());
  }
  return {};
}

Status SchemaChanger::drop_database(const ast::Drop& s, const ast::QualifiedName& name) {
  const std::string database(name.name);
  if (!catalog().has_database(database)) {
    if (s.if_exists) return {};
    return Status::sql(StatusCode::kNotFound, "3D000", "database \"" + database + "\" does not exist", name.position);
  }
  if (database == host_.database())
    return Status::sql(StatusCode::kInvalidArgument, "55006", "cannot drop the currently open database", name.position);
  if (database == kDefaultDatabase) {
    return Status::sql(StatusCode::kInvalidArgument, "42501", "database \"ldb\" exists in every cluster and cannot be dropped",
                       name.position);
  }
  return editor().drop_database(database);
}

Status SchemaChanger::drop_schema(const ast::Drop& s, const ast::QualifiedName& name) {
  const std::string schema(name.name);
  if (schema == kSystemSchema) return Status::sql(StatusCode::kInvalidArgument, "42501", "cannot drop schema ldb", name.position);
  if (!catalog().has_schema(host_.database(), schema)) {
    if (s.if_exists) return {};
    return bind_error("3F000", "schema \"" + schema + "\" does not exist", name.position);
  }
  for (const auto& [relation, entry] : catalog().relations()) {
    if (relation.database != host_.database() || relation.schema != schema) continue;
    if (!s.cascade) return in_use("schema " + schema, "relation " + relation.name + " depends on schema " + schema);
    LDB_TRY(drop_dependent_views(entry.id, true, relation.name));
    host_.forget_sequence(entry.id);
  }
  return editor().drop_schema(host_.database(), schema);
}

Result<std::string> SchemaChanger::rename(const ast::Rename& s) {
  static constexpr std::string_view kTags[] = {"ALTER TABLE",    "ALTER INDEX",  "ALTER VIEW",    "ALTER MATERIALIZED VIEW",
                                               "ALTER SEQUENCE", "ALTER SCHEMA", "ALTER DATABASE"};
  const std::string tag(s.object <= ast::ObjectKind::kDatabase ? kTags[static_cast<int>(s.object)] : "ALTER TABLE");
  if (s.object == ast::ObjectKind::kSchema || s.object == ast::ObjectKind::kDatabase ||
      s.object == ast::ObjectKind::kMaterializedView) {
    return unsupported("renaming this kind of object", s.position);
  }
  const auto full = find_name(s.name);
  if (!full) {
    if (s.if_exists) return tag;
    return bind_error("42P01", "relation \"" + std::string(s.name.name) + "\" does not exist", s.name.position);
  }
  const std::string to(s.new_name);
  if (s.part == ast::ObjectKind::kColumn || s.part == ast::ObjectKind::kConstraint) {
    LDB_ASSIGN_OR_RETURN(const auto table, find_table(s.name));
    const std::string old_name(s.old_name);
    if (s.part == ast::ObjectKind::kConstraint) {
      const TableConstraint* constraint = table->find_constraint(old_name);
      if (constraint == nullptr) {
        return bind_error("42704", "constraint \"" + old_name + "\" for table \"" + table->name.name + "\" does not exist",
                          s.position);
      }
      if (table->find_constraint(to)) return already_exists("constraint", to, s.position);
      LDB_TRY(editor().rename_constraint(*table, *constraint, to));
      return tag;
    }
    const auto ordinal = table->find_column(old_name);
    if (!ordinal) return bind_error("42703", "column \"" + old_name + "\" does not exist", s.position);
    if (table->find_column(to)) {
      return bind_error("42701", "column \"" + to + "\" of relation \"" + table->name.name + "\" already exists", s.position);
    }
    for (const TableConstraint& constraint : table->constraints) {
      const bool used = std::find(constraint.columns.begin(), constraint.columns.end(), *ordinal) != constraint.columns.end();
      if (constraint.type == ConstraintType::kCheck && used)
        return unsupported("renaming a column that a CHECK constraint mentions", s.position);
    }
    for (const Column& column : table->columns) {
      if (column.generated) return unsupported("renaming columns of a table with generated columns", s.position);
    }
    LDB_TRY(drop_dependent_views(table->id, false, "column " + old_name, &old_name));
    Column column = table->columns[*ordinal];
    column.name = to;
    LDB_TRY(editor().update_column(*table, column));
    return tag;
  }
  RelationName renamed = *full;
  renamed.name = to;
  if (catalog().is_taken(renamed)) return already_exists("relation", to, s.position);
  if (const auto [table, place] = catalog().find_index(*full); table != nullptr) {
    for (const TableConstraint& constraint : table->constraints) {
      if (constraint.index == table->indexes[place].id && constraint.type != ConstraintType::kForeignKey) {
        LDB_TRY(editor().rename_constraint(*table, constraint, to));
        return tag;
      }
    }
    LDB_TRY(editor().rename_index(*table, table->indexes[place], to));
    return tag;
  }
  const RelationEntry* entry = catalog().find_relation(*full);
  LDB_TRY(drop_dependent_views(entry->id, false, "relation " + full->name));
  LDB_TRY(editor().rename_relation(entry->id, renamed));
  return tag;
}

Result<std::string> SchemaChanger::set_schema(const ast::SetSchema& s) {
  const auto full = find_name(s.name);
  if (!full) {
    if (s.if_exists) return std::string("ALTER TABLE");
    return bind_error("42P01", "relation \"" + std::string(s.name.name) + "\" does not exist", s.name.position);
  }
  RelationName moved = *full;
  moved.schema = s.new_schema;
  if (!catalog().has_schema(moved.database, moved.schema))
    return bind_error("3F000", "schema \"" + moved.schema + "\" does not exist", s.position);
  const RelationEntry* entry = catalog().find_relation(*full);
  if (entry == nullptr) return bind_error("42809", "\"" + full->name + "\" is not a table, view, or sequence", s.name.position);
  if (catalog().is_taken(moved)) return already_exists("relation", moved.name, s.position);
  LDB_TRY(drop_dependent_views(entry->id, false, "relation " + full->name));
  LDB_TRY(editor().rename_relation(entry->id, moved));
  return std::string("ALTER TABLE");
}

Result<std::string> SchemaChanger::truncate(const ast::Truncate& s) {
  std::vector<std::shared_ptr<const Table>> tables;
  for (const ast::RelationRef& ref : s.tables) {
    LDB_ASSIGN_OR_RETURN(auto table, find_table(ref.name));
    tables.push_back(std::move(table));
  }
  for (std::size_t i = 0; i < tables.size(); ++i) {
    for (const Reference& reference : tables[i]->references) {
      const bool listed =
          std::any_of(tables.begin(), tables.end(), [&](const auto& table) { return table->id == reference.table; });
      if (listed) continue;
      if (!s.cascade) {
        return Status::sql(StatusCode::kUnsupported, "0A000", "cannot truncate a table referenced in a foreign key constraint");
      }
      tables.push_back(catalog().find_table(reference.table));
    }
  }
  for (const auto& table : tables) {
    std::vector<std::string> keys;
    LDB_ASSIGN_OR_RETURN(auto cursor, host_.rows().scan(table->id, KeyRange{}));
    for (; cursor->valid(); cursor->next()) keys.emplace_back(cursor->key());
    LDB_TRY(cursor->status());
    cursor.reset();
    for (const std::string& key : keys) LDB_TRY(host_.rows().erase(table->id, key));
    if (!s.restart_identity) continue;
    for (const auto& [name, entry] : catalog().relations()) {
      const auto sequence = entry.kind == RelationKind::kSequence ? catalog().find_sequence(entry.id) : nullptr;
      if (!sequence || sequence->owner_table != table->id) continue;
      LDB_TRY(
          host_.run_internal("SELECT setval(" + quote_literal(quoted(name)) + ", " + std::to_string(sequence->start) + ", false)")
              .status());
    }
  }
  truncated_ = std::move(tables);
  return std::string("TRUNCATE TABLE");
}

}  // namespace ldb::sql
