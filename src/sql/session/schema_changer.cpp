#include "sql/session/schema_changer.hpp"

#include <algorithm>
#include <charconv>

#include "sql/catalog/system_tables.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {

std::string quoted(const RelationName& name) { return quote_identifier(name.schema) + "." + quote_identifier(name.name); }

Status already_exists(std::string_view kind, std::string_view name, std::uint32_t position) {
  return Status::sql(StatusCode::kAlreadyExists, kind == "relation" ? "42P07" : "42710",
                     std::string(kind) + " \"" + std::string(name) + "\" already exists", position);
}

Result<RelationName> SchemaChanger::new_name(const ast::QualifiedName& name) const {
  if (!name.catalog.empty() && name.catalog != host_.database()) {
    return bind_error("0A000", "cross-database references are not implemented: \"" + std::string(name.catalog) + "\"",
                      name.position);
  }
  RelationName full{host_.database(), std::string(name.schema), std::string(name.name)};
  if (full.schema == kSystemSchema) {
    return Status::sql(StatusCode::kInvalidArgument, "42501", "permission denied for schema ldb", name.position);
  }
  if (!full.schema.empty()) {
    if (!catalog().has_schema(full.database, full.schema)) {
      return bind_error("3F000", "schema \"" + full.schema + "\" does not exist", name.position);
    }
    return full;
  }
  for (const std::string& schema : host_.search_path()) {
    if (schema == kSystemSchema || !catalog().has_schema(full.database, schema)) continue;
    full.schema = schema;
    return full;
  }
  return bind_error("3F000", "no schema has been selected to create in", name.position);
}

std::optional<RelationName> SchemaChanger::find_name(const ast::QualifiedName& name) const {
  std::vector<std::string> schemas = host_.search_path();
  if (!name.schema.empty()) schemas = {std::string(name.schema)};
  for (const std::string& schema : schemas) {
    RelationName full{host_.database(), schema, std::string(name.name)};
    if (catalog().is_taken(full)) return full;
  }
  return std::nullopt;
}

Result<std::shared_ptr<const Table>> SchemaChanger::find_table(const ast::QualifiedName& name, std::string_view what) const {
  const auto full = find_name(name);
  if (!full) {
    if (name.schema == kSystemSchema && find_system_table(name.name)) {
      return Status::sql(StatusCode::kInvalidArgument, "42501",
                         "permission denied: \"" + std::string(name.name) + "\" is a system table", name.position);
    }
    const std::string shown = (name.schema.empty() ? "" : std::string(name.schema) + ".") + std::string(name.name);
    return bind_error("42P01", std::string(what) + " \"" + shown + "\" does not exist", name.position);
  }
  auto table = catalog().find_table(*full);
  if (table == nullptr) return bind_error("42809", "\"" + full->name + "\" is not a table", name.position);
  return table;
}

Result<std::string> SchemaChanger::run(const ast::Statement& statement, std::string_view source_text) {
  using Kind = ast::StatementKind;
  switch (statement.kind) {
    case Kind::kCreateTable:
      return create_table(*statement.as<ast::CreateTable>());
    case Kind::kCreateTableAs:
      return create_table_as(*statement.as<ast::CreateTableAs>(), source_text);
    case Kind::kAlterTable:
      return alter_table(*statement.as<ast::AlterTable>());
    case Kind::kRename:
      return rename(*statement.as<ast::Rename>());
    case Kind::kSetSchema:
      return set_schema(*statement.as<ast::SetSchema>());
    case Kind::kCreateIndex:
      return create_index(*statement.as<ast::CreateIndex>());
    case Kind::kCreateView:
      return create_view(*statement.as<ast::CreateView>());
    case Kind::kCreateSequence:
      return create_sequence(*statement.as<ast::CreateSequence>());
    case Kind::kAlterSequence:
      return alter_sequence(*statement.as<ast::AlterSequence>());
    case Kind::kCreateSchema:
      return create_schema(*statement.as<ast::CreateSchema>());
    case Kind::kCreateDatabase:
      return create_database(*statement.as<ast::CreateDatabase>());
    case Kind::kDrop:
      return drop(*statement.as<ast::Drop>());
    case Kind::kTruncate:
      return truncate(*statement.as<ast::Truncate>());
    case Kind::kComment:
      return comment(*statement.as<ast::Comment>());
    default:
      return unsupported("this statement", statement.position);
  }
}

Result<std::string> SchemaChanger::create_schema(const ast::CreateSchema& s) {
  if (!s.authorization.empty()) return unsupported("AUTHORIZATION", s.position);
  const std::string name(s.name);
  if (name.starts_with("pg_") || name == kSystemSchema || name == "information_schema") {
    return bind_error("42939", "unacceptable schema name \"" + name + "\"", s.position);
  }
  if (catalog().has_schema(host_.database(), name)) {
    if (s.if_not_exists) return std::string("CREATE SCHEMA");
    return Status::sql(StatusCode::kAlreadyExists, "42P06", "schema \"" + name + "\" already exists", s.position);
  }
  if (!s.elements.empty()) return unsupported("objects inside CREATE SCHEMA", s.position);
  LDB_TRY(editor().create_schema(host_.database(), name));
  return std::string("CREATE SCHEMA");
}

Result<std::string> SchemaChanger::create_database(const ast::CreateDatabase& s) {
  for (const ast::Option& option : s.options) {
    // What ldb always does may be asked for.
    const bool utf8 = option.name == "encoding" && (option.value.text == "UTF8" || option.value.text == "utf8");
    const bool c =
        (option.name == "lc_collate" || option.name == "lc_ctype" || option.name == "locale") && option.value.text == "C";
    const bool empty = option.name == "template" && (option.value.text == "template0" || option.value.text == "template1");
    if (!utf8 && !c && !empty)
      return unsupported("the option " + std::string(option.name) + " of CREATE DATABASE", option.position);
  }
  const std::string name(s.name);
  if (catalog().has_database(name)) {
    if (s.if_not_exists) return std::string("CREATE DATABASE");
    return Status::sql(StatusCode::kAlreadyExists, "42P04", "database \"" + name + "\" already exists", s.position);
  }
  LDB_TRY(editor().create_database(name));
  return std::string("CREATE DATABASE");
}

Result<std::string> SchemaChanger::create_index(const ast::CreateIndex& s) {
  if (!s.access_method.empty() && s.access_method != "btree") {
    return unsupported("index access method \"" + std::string(s.access_method) + "\"", s.position);
  }
  if (!s.include.empty()) return unsupported("INCLUDE columns", s.position);
  if (!s.options.empty())
    return bind_error("22023", "unrecognized parameter \"" + std::string(s.options[0].name) + "\"", s.position);
  if (!s.tablespace.empty()) return unsupported("tablespaces", s.position);
  if (s.where) return unsupported("partial indexes (WHERE)", s.position);
  if (s.nulls_not_distinct) return unsupported("NULLS NOT DISTINCT", s.position);
  LDB_ASSIGN_OR_RETURN(const auto table, find_table(s.table));
  Index index;
  index.unique = s.unique;
  std::string name = table->name.name;
  for (const ast::IndexElement& element : s.elements) {
    if (element.expression) return unsupported("indexes on expressions", element.position);
    if (!element.operator_class.name.empty()) return unsupported("operator classes", element.position);
    if (!element.collation.name.empty() && element.collation.name != "C" && element.collation.name != "POSIX" &&
        element.collation.name != "default") {
      return unsupported("collation \"" + std::string(element.collation.name) + "\"", element.position);
    }
    const auto ordinal = table->find_column(element.column);
    if (!ordinal) return bind_error("42703", "column \"" + std::string(element.column) + "\" does not exist", element.position);
    KeyColumn key;
    key.type = table->columns[*ordinal].type.id;
    key.descending = element.direction == ast::SortDirection::kDescending;
    key.nulls_first = element.nulls == ast::NullsOrder::kDefault ? key.descending : element.nulls == ast::NullsOrder::kFirst;
    index.columns.push_back(*ordinal);
    index.key.push_back(key);
    name += "_" + std::string(element.column);
  }
  RelationName full = table->name;
  if (s.name.empty()) {
    full.name = name + "_idx";
    for (int n = 1; catalog().is_taken(full); ++n) full.name = name + "_idx" + std::to_string(n);
  } else {
    full.name = s.name;
    if (catalog().is_taken(full)) {
      if (s.if_not_exists) return std::string("CREATE INDEX");
      return already_exists("relation", full.name, s.position);
    }
  }
  index.name = full.name;
  if (s.unique) {
    TableConstraint as_constraint;
    as_constraint.type = ConstraintType::kUnique;
    as_constraint.name = index.name;
    as_constraint.columns = index.columns;
    LDB_TRY(validate(*table, as_constraint));
  }
  LDB_TRY(editor().create_index(*table, index).status());
  return std::string("CREATE INDEX");
}

Result<std::string> SchemaChanger::create_view(const ast::CreateView& s) {
  if (s.materialized) return unsupported("materialized views", s.position);
  if (s.recursive) return unsupported("recursive views", s.position);
  if (s.persistence != ast::Persistence::kPermanent) return unsupported("temporary views", s.position);
  if (!s.options.empty())
    return bind_error("22023", "unrecognized parameter \"" + std::string(s.options[0].name) + "\"", s.position);
  if (s.check_option != ast::CheckOption::kNone) return unsupported("WITH CHECK OPTION", s.position);
  for (const ast::CommonTable& table : s.query->with ? s.query->with->tables : List<ast::CommonTable>()) {
    if (table.statement->as<ast::SelectStatement>() == nullptr) {
      return bind_error("0A000", "views must not contain data-modifying statements in WITH", table.position);
    }
  }
  View view;
  LDB_ASSIGN_OR_RETURN(view.name, new_name(s.name));
  LDB_ASSIGN_OR_RETURN(const auto columns, host_.describe(*s.query));
  view.sql = to_sql(*s.query);
  if (s.columns.size() > columns.size())
    return bind_error("42601", "CREATE VIEW specifies more column names than columns", s.position);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    view.output_names.push_back(i < s.columns.size() ? std::string(s.columns[i].text) : columns[i].name);
    view.output_types.push_back(columns[i].type);
    for (std::size_t j = 0; j < i; ++j) {
      if (view.output_names[j] == view.output_names[i]) {
        return bind_error("42701", "column \"" + view.output_names[i] + "\" specified more than once", s.position);
      }
    }
  }
  for (const ast::Name& name : s.columns) view.column_names.emplace_back(name.text);
  const RelationEntry* existing = catalog().find_relation(view.name);
  if (catalog().is_taken(view.name)) {
    if (!s.or_replace) return already_exists("relation", view.name.name, s.name.position);
    if (existing == nullptr || existing->kind != RelationKind::kView) {
      return bind_error("42809", "\"" + view.name.name + "\" is not a view", s.name.position);
    }
    const auto old = catalog().find_view(existing->id);
    if (view.output_names.size() < old->output_names.size())
      return bind_error("42P16", "cannot drop columns from view", s.position);
    for (std::size_t i = 0; i < old->output_names.size(); ++i) {
      if (old->output_names[i] != view.output_names[i]) {
        return bind_error(
            "42P16", "cannot change name of view column \"" + old->output_names[i] + "\" to \"" + view.output_names[i] + "\"",
            s.position);
      }
      if (old->output_types[i].id != view.output_types[i].id) {
        return bind_error("42P16",
                          "cannot change data type of view column \"" + old->output_names[i] + "\" from " +
                              old->output_types[i].to_string() + " to " + view.output_types[i].to_string(),
                          s.position);
      }
    }
    LDB_TRY(editor().drop_relation(existing->id));
    LDB_TRY(host_.refresh());
  }
  LDB_TRY(editor().create_view(view).status());
  return std::string("CREATE VIEW");
}

Status SchemaChanger::apply_sequence_options(const ast::SequenceOptions& o, Sequence& sequence, bool is_new) {
  const auto number = [](const ast::Literal* literal, std::int64_t& out) -> Status {
    if (literal == nullptr) return {};
    if (literal->literal != ast::LiteralKind::kInteger) {
      return bind_error("22003", "value \"" + std::string(literal->text) + "\" is out of range for type bigint",
                        literal->position);
    }
    out = literal->integer;
    return {};
  };
  if (o.type) {
    LDB_ASSIGN_OR_RETURN(sequence.type, resolve_type(*o.type));
    if (!is_integer_type(sequence.type.id))
      return bind_error("22023", "sequence type must be smallint, integer, or bigint", o.type->position);
  }
  std::int64_t highest = INT64_MAX;
  std::int64_t lowest = INT64_MIN;
  if (sequence.type.id == TypeId::kSmallInt) {
    highest = INT16_MAX;
    lowest = INT16_MIN;
  }
  if (sequence.type.id == TypeId::kInteger) {
    highest = INT32_MAX;
    lowest = INT32_MIN;
  }
  const std::int64_t old_increment = sequence.increment;
  LDB_TRY(number(o.increment, sequence.increment));
  if (sequence.increment == 0) return bind_error("22023", "INCREMENT must not be zero");
  const bool turned = is_new || o.type || (old_increment > 0) != (sequence.increment > 0);
  if (o.no_max_value || (is_new && !o.max_value) || (turned && !o.max_value && is_new))
    sequence.max_value = sequence.increment > 0 ? highest : -1;
  if (o.no_min_value || (is_new && !o.min_value)) sequence.min_value = sequence.increment > 0 ? 1 : lowest;
  LDB_TRY(number(o.max_value, sequence.max_value));
  LDB_TRY(number(o.min_value, sequence.min_value));
  if (sequence.max_value > highest || sequence.max_value < lowest) {
    return bind_error("22023", "MAXVALUE (" + std::to_string(sequence.max_value) + ") is out of range for sequence data type " +
                                   sequence.type.to_string());
  }
  if (sequence.min_value < lowest || sequence.min_value > highest) {
    return bind_error("22023", "MINVALUE (" + std::to_string(sequence.min_value) + ") is out of range for sequence data type " +
                                   sequence.type.to_string());
  }
  if (sequence.min_value >= sequence.max_value) {
    return bind_error("22023", "MINVALUE (" + std::to_string(sequence.min_value) + ") must be less than MAXVALUE (" +
                                   std::to_string(sequence.max_value) + ")");
  }
  if (is_new) sequence.start = sequence.increment > 0 ? sequence.min_value : sequence.max_value;
  LDB_TRY(number(o.start, sequence.start));
  if (sequence.start < sequence.min_value) {
    return bind_error("22023", "START value (" + std::to_string(sequence.start) + ") cannot be less than MINVALUE (" +
                                   std::to_string(sequence.min_value) + ")");
  }
  if (sequence.start > sequence.max_value) {
    return bind_error("22023", "START value (" + std::to_string(sequence.start) + ") cannot be greater than MAXVALUE (" +
                                   std::to_string(sequence.max_value) + ")");
  }
  LDB_TRY(number(o.cache, sequence.cache));
  if (sequence.cache < 1) return bind_error("22023", "CACHE (" + std::to_string(sequence.cache) + ") must be greater than zero");
  if (o.has_cycle) sequence.cycle = o.cycle;
  return {};
}

Result<std::string> SchemaChanger::create_sequence(const ast::CreateSequence& s) {
  if (s.persistence != ast::Persistence::kPermanent) return unsupported("temporary sequences", s.position);
  Sequence sequence;
  LDB_ASSIGN_OR_RETURN(sequence.name, new_name(s.name));
  if (catalog().is_taken(sequence.name)) {
    if (s.if_not_exists) return std::string("CREATE SEQUENCE");
    return already_exists("relation", sequence.name.name, s.name.position);
  }
  sequence.type = {TypeId::kBigInt, -1, 0};
  sequence.max_value = INT64_MAX;
  if (s.options.restart) return bind_error("42601", "conflicting or redundant options", s.position);
  LDB_TRY(apply_sequence_options(s.options, sequence, true));
  if (s.options.has_owned_by && !s.options.owned_by.empty()) return unsupported("OWNED BY in CREATE SEQUENCE", s.position);
  LDB_TRY(editor().create_sequence(sequence).status());
  return std::string("CREATE SEQUENCE");
}

Result<std::string> SchemaChanger::alter_sequence(const ast::AlterSequence& s) {
  const auto full = find_name(s.name);
  const RelationEntry* entry = full ? catalog().find_relation(*full) : nullptr;
  if (entry == nullptr || entry->kind != RelationKind::kSequence) {
    if (!full && s.if_exists) return std::string("ALTER SEQUENCE");
    return bind_error(
        full ? "42809" : "42P01",
        full ? "\"" + full->name + "\" is not a sequence" : "relation \"" + std::string(s.name.name) + "\" does not exist",
        s.name.position);
  }
  if (s.options.has_owned_by) return unsupported("OWNED BY in ALTER SEQUENCE", s.position);
  Sequence sequence = *catalog().find_sequence(entry->id);
  LDB_TRY(apply_sequence_options(s.options, sequence, false));
  LDB_TRY(editor().update_sequence(sequence));
  if (s.options.restart) {
    std::int64_t start = sequence.start;
    if (s.options.restart_with) {
      if (s.options.restart_with->literal != ast::LiteralKind::kInteger)
        return bind_error("22003", "RESTART value is out of range", s.position);
      start = s.options.restart_with->integer;
    }
    if (start < sequence.min_value || start > sequence.max_value) {
      return bind_error("22023",
                        "RESTART value (" + std::to_string(start) + ") cannot be " +
                            (start < sequence.min_value ? "less than MINVALUE (" + std::to_string(sequence.min_value)
                                                        : "greater than MAXVALUE (" + std::to_string(sequence.max_value)) +
                            ")");
    }
    LDB_TRY(host_.refresh());
    LDB_TRY(
        host_.run_internal("SELECT setval(" + quote_literal(quoted(sequence.name)) + ", " + std::to_string(start) + ", false)")
            .status());
  }
  host_.forget_sequence(sequence.id);
  return std::string("ALTER SEQUENCE");
}

Result<std::string> SchemaChanger::comment(const ast::Comment& s) {
  std::string object;
  const std::string part(s.part);
  switch (s.object) {
    case ast::ObjectKind::kDatabase:
      if (!catalog().has_database(s.name.name))
        return bind_error("3D000", "database \"" + std::string(s.name.name) + "\" does not exist", s.name.position);
      object = "database " + std::string(s.name.name);
      break;
    case ast::ObjectKind::kSchema:
      if (!catalog().has_schema(host_.database(), s.name.name))
        return bind_error("3F000", "schema \"" + std::string(s.name.name) + "\" does not exist", s.name.position);
      object = "schema " + host_.database() + "." + std::string(s.name.name);
      break;
    case ast::ObjectKind::kColumn:
    case ast::ObjectKind::kConstraint: {
      LDB_ASSIGN_OR_RETURN(const auto table, find_table(s.name));
      const bool column = s.object == ast::ObjectKind::kColumn;
      if (column ? !table->find_column(part) : table->find_constraint(part) == nullptr) {
        return bind_error(
            column ? "42703" : "42704",
            (column ? "column \"" : "constraint \"") + part + "\" of relation \"" + table->name.name + "\" does not exist",
            s.position);
      }
      object = (column ? "column " : "constraint ") + std::to_string(table->id.value) + "." + part;
      break;
    }
    default: {
      const auto full = find_name(s.name);
      if (!full) return bind_error("42P01", "relation \"" + std::string(s.name.name) + "\" does not exist", s.name.position);
      if (const RelationEntry* entry = catalog().find_relation(*full)) {
        static constexpr RelationKind kKinds[] = {RelationKind::kTable, RelationKind::kTable, RelationKind::kView};
        const RelationKind wanted = s.object == ast::ObjectKind::kSequence ? RelationKind::kSequence
                                    : s.object <= ast::ObjectKind::kView   ? kKinds[static_cast<int>(s.object)]
                                                                           : RelationKind::kTable;
        if (entry->kind != wanted || s.object == ast::ObjectKind::kIndex)
          return bind_error("42809", "\"" + full->name + "\" is of another kind", s.name.position);
        object = "relation " + std::to_string(entry->id.value);
      } else {
        if (s.object != ast::ObjectKind::kIndex)
          return bind_error("42809", "\"" + full->name + "\" is an index", s.name.position);
        object = "index " + std::to_string(catalog().index_names().at(*full).value);
      }
      break;
    }
  }
  LDB_TRY(editor().set_comment(object, s.is_null ? std::string() : std::string(s.text)));
  return std::string("COMMENT");
}

}  // namespace ldb::sql
