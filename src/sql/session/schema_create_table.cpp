// CREATE TABLE and CREATE TABLE AS.
#include <algorithm>

#include "sql/parse/to_sql.hpp"
#include "sql/session/schema_changer.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kMaxColumns = 1600;

std::optional<TypeId> serial_type(std::string_view name) {
  if (name == "serial" || name == "serial4") return TypeId::kInteger;
  if (name == "bigserial" || name == "serial8") return TypeId::kBigInt;
  if (name == "smallserial" || name == "serial2") return TypeId::kSmallInt;
  return std::nullopt;
}

std::int64_t max_of(TypeId type) {
  if (type == TypeId::kSmallInt) return INT16_MAX;
  return type == TypeId::kInteger ? INT32_MAX : INT64_MAX;
}

StoredExpression store(const ast::Expression& expression) {
  StoredExpression stored;
  stored.sql = to_sql(expression);
  auto parsed = parse_expression(stored.sql);
  if (parsed) stored.parsed = std::make_shared<const ParsedExpression>(std::move(parsed).value());
  return stored;
}

/// Columns that an expression mentions, by their places in the table.
std::vector<Ordinal> mentioned(const Expression& e) {
  std::vector<Ordinal> columns;
  walk(e, [&](const Expression& node) {
    const auto* column = node.as<ColumnReference>();
    if (column && std::find(columns.begin(), columns.end(), column->column) == columns.end()) {
      columns.push_back(static_cast<Ordinal>(column->column));
    }
  });
  std::sort(columns.begin(), columns.end());
  return columns;
}

std::vector<OutputColumn> numbered(const Table& table) {
  std::vector<OutputColumn> row;
  for (std::size_t i = 0; i < table.columns.size(); ++i) row.push_back({i, table.columns[i].name, table.columns[i].type});
  return row;
}

}  // namespace

Status SchemaChanger::read_table_options(std::span<const ast::Option> options, MergeMode& merge) {
  for (const ast::Option& option : options) {
    if (option.name != "merge" || !option.space.empty()) {
      return bind_error("22023", "unrecognized parameter \"" + std::string(option.name) + "\"", option.position);
    }
    if (option.value.text == "row") {
      merge = MergeMode::kRow;
    } else if (option.value.text == "column") {
      merge = MergeMode::kColumn;
    } else {
      return bind_error("22023", "merge must be 'row' or 'column'", option.position);
    }
  }
  return {};
}

Status SchemaChanger::set_default(const ast::Expression& expression, Column& column) {
  if (const auto* literal = expression.as<ast::Literal>(); literal && literal->literal == ast::LiteralKind::kNull) {
    column.default_value = {};
    return {};
  }
  const BindEnvironment environment = host_.environment();
  Binder binder(environment, 0);
  LDB_TRY(binder.bind_constant_expression(expression, column.type, "DEFAULT expression").status());
  column.default_value = store(expression);
  return {};
}

Status SchemaChanger::add_column_definition(const ast::ColumnDefinition& definition, const std::string& table_name,
                                            Column& column, std::vector<const ast::Constraint*>& constraints,
                                            std::vector<Sequence>& sequences) {
  column.name = definition.name;
  if (definition.type == nullptr) return unsupported("a column without a type", definition.position);
  if (!definition.collation.name.empty() && definition.collation.name != "C" && definition.collation.name != "POSIX" &&
      definition.collation.name != "default") {
    return unsupported("collation \"" + std::string(definition.collation.name) + "\"", definition.position);
  }
  if (!definition.compression.empty()) return unsupported("COMPRESSION", definition.position);
  const auto sequence_for = [&](TypeId type, const ast::SequenceOptions* options) -> Status {
    Sequence sequence;
    LDB_ASSIGN_OR_RETURN(sequence.name, new_name({}));
    sequence.name.name = table_name + "_" + column.name + "_seq";
    for (int n = 1; catalog().is_taken(sequence.name); ++n) {
      sequence.name.name = table_name + "_" + column.name + "_seq" + std::to_string(n);
    }
    sequence.type = {type, -1, 0};
    sequence.max_value = max_of(type);
    if (options) LDB_TRY(apply_sequence_options(*options, sequence, true));
    auto parsed = parse_expression("nextval(" + quote_literal(quote_identifier(sequence.name.name)) + ")");
    if (!parsed) return parsed.error();
    column.default_value = store(*parsed->expression);
    column.not_null = true;
    sequences.push_back(std::move(sequence));
    return {};
  };
  const auto serial = serial_type(definition.type->name);
  if (serial && definition.type->schema.empty()) {
    column.type = {*serial, -1, 0};
    LDB_TRY(sequence_for(*serial, nullptr));
  } else {
    LDB_ASSIGN_OR_RETURN(column.type, resolve_type(*definition.type));
  }
  bool null_written = false;
  for (const ast::Constraint& constraint : definition.constraints) {
    switch (constraint.kind) {
      case ast::ConstraintKind::kNull:
        null_written = true;
        break;
      case ast::ConstraintKind::kNotNull:
        column.not_null = true;
        break;
      case ast::ConstraintKind::kDefault:
        if (column.default_value) {
          return bind_error("42601", "multiple default values specified for column \"" + column.name + "\"", constraint.position);
        }
        LDB_TRY(set_default(*constraint.expression, column));
        break;
      case ast::ConstraintKind::kIdentity:
        if (!is_integer_type(column.type.id)) {
          return bind_error("22023", "identity column type must be smallint, integer, or bigint", constraint.position);
        }
        if (column.default_value) {
          return bind_error("42601", "both default and identity specified for column \"" + column.name + "\"",
                            constraint.position);
        }
        LDB_TRY(sequence_for(column.type.id, constraint.sequence));
        column.identity = constraint.identity_always ? IdentityKind::kAlways : IdentityKind::kByDefault;
        break;
      case ast::ConstraintKind::kGenerated:
        column.generated = store(*constraint.expression);
        break;
      case ast::ConstraintKind::kExclude:
        return unsupported("EXCLUDE constraints", constraint.position);
      default:
        constraints.push_back(&constraint);
        break;
    }
  }
  if (null_written && column.not_null) {
    return bind_error("42601", "conflicting NULL/NOT NULL declarations for column \"" + column.name + "\"", definition.position);
  }
  column.missing = Value(column.type.id, {});
  return {};
}

std::string SchemaChanger::constraint_name(const Table& table, const std::vector<Ordinal>& columns, std::string_view suffix) {
  std::string base = table.name.name;
  for (const Ordinal column : columns) base += "_" + table.columns[column].name;
  base += "_" + std::string(suffix);
  std::string name = base;
  const auto taken = [&] {
    RelationName relation = table.name;
    relation.name = name;
    return table.find_constraint(name) != nullptr || (suffix != "check" && suffix != "fkey" && catalog().is_taken(relation));
  };
  for (int n = 1; taken(); ++n) name = base + std::to_string(n);
  return name;
}

Status SchemaChanger::resolve_foreign_key(const ast::Constraint& constraint, const Table& table, TableConstraint& out) {
  if (constraint.match == ast::ReferenceMatch::kPartial)
    return bind_error("0A000", "MATCH PARTIAL not yet implemented", constraint.position);
  if (constraint.deferrable || constraint.initially_deferred) return unsupported("deferrable constraints", constraint.position);
  if (!constraint.on_delete_columns.empty()) return unsupported("a column list of ON DELETE", constraint.position);
  out.match_full = constraint.match == ast::ReferenceMatch::kFull;
  out.on_delete = static_cast<ReferenceAction>(constraint.on_delete);
  out.on_update = static_cast<ReferenceAction>(constraint.on_update);
  const bool self = constraint.references.name == table.name.name &&
                    (constraint.references.schema.empty() || constraint.references.schema == table.name.schema) &&
                    !find_name(constraint.references);
  std::shared_ptr<const Table> parent;
  if (!self) {
    LDB_ASSIGN_OR_RETURN(parent, find_table(constraint.references));
    out.referenced = parent->id;
  }
  const Table& target = self ? table : *parent;
  std::vector<Ordinal> referenced;
  if (constraint.referenced_columns.empty()) {
    const TableConstraint* primary = target.primary_key();
    if (primary == nullptr) {
      return bind_error("42704", "there is no primary key for referenced table \"" + target.name.name + "\"",
                        constraint.position);
    }
    referenced = primary->columns;
  }
  for (const ast::Name& name : constraint.referenced_columns) {
    const auto ordinal = target.find_column(name.text);
    if (!ordinal) {
      return bind_error("42703", "column \"" + std::string(name.text) + "\" referenced in foreign key constraint does not exist",
                        name.position);
    }
    referenced.push_back(*ordinal);
  }
  if (referenced.size() != out.columns.size()) {
    return bind_error("42830", "number of referencing and referenced columns for foreign key disagree", constraint.position);
  }
  const auto is_key = [&](const std::vector<Ordinal>& columns) {
    return columns.size() == referenced.size() && std::is_permutation(columns.begin(), columns.end(), referenced.begin());
  };
  bool unique = false;
  for (const TableConstraint& other : target.constraints) {
    const bool key = other.type == ConstraintType::kPrimaryKey || other.type == ConstraintType::kUnique;
    unique = unique || (key && is_key(other.columns));
  }
  for (const Index& index : target.indexes) unique = unique || (index.unique && is_key(index.columns));
  if (!unique) {
    return bind_error("42830",
                      "there is no unique constraint matching given keys for referenced table \"" + target.name.name + "\"",
                      constraint.position);
  }
  for (std::size_t i = 0; i < referenced.size(); ++i) {
    const Column& own = table.columns[out.columns[i]];
    const Column& other = target.columns[referenced[i]];
    const bool comparable = type_category(own.type.id) == type_category(other.type.id) &&
                            can_cast(own.type.id, other.type.id, CastContext::kAssignment);
    if (!comparable) {
      return bind_error("42804", "foreign key constraint \"" + out.name + "\" cannot be implemented", constraint.position)
          .with_detail("Key columns \"" + own.name + "\" and \"" + other.name +
                       "\" are of incompatible types: " + own.type.to_string() + " and " + other.type.to_string() + ".");
    }
    // Of a table that is only being made, ids are places plus one.
    out.referenced_columns.push_back(other.id.value != 0 ? other.id : ColumnId{referenced[i] + 1});
  }
  return {};
}

Result<TableConstraint> SchemaChanger::make_constraint(const ast::Constraint& constraint, const std::string* column,
                                                       const Table& table) {
  TableConstraint out;
  out.name = constraint.name;
  if (!out.name.empty() && table.find_constraint(out.name)) {
    return bind_error("42710", "constraint \"" + out.name + "\" for relation \"" + table.name.name + "\" already exists",
                      constraint.position);
  }
  if (!constraint.using_index.empty()) return unsupported("USING INDEX", constraint.position);
  if (!constraint.include.empty()) return unsupported("INCLUDE columns", constraint.position);
  if (!constraint.tablespace.empty()) return unsupported("tablespaces", constraint.position);
  if (!constraint.options.empty())
    return bind_error("22023", "unrecognized parameter \"" + std::string(constraint.options[0].name) + "\"", constraint.position);
  if (constraint.nulls_not_distinct) return unsupported("NULLS NOT DISTINCT", constraint.position);
  if (constraint.no_inherit) return unsupported("NO INHERIT", constraint.position);
  if (constraint.not_valid) return unsupported("NOT VALID", constraint.position);
  const auto resolve_columns = [&]() -> Status {
    std::vector<std::string> names;
    if (column != nullptr) names.push_back(*column);
    for (const ast::Name& name : constraint.columns) names.emplace_back(name.text);
    for (const std::string& name : names) {
      const auto ordinal = table.find_column(name);
      if (!ordinal) {
        const char* where =
            constraint.kind == ast::ConstraintKind::kForeignKey ? "referenced in foreign key constraint" : "named in key";
        return bind_error("42703", "column \"" + name + "\" " + where + " does not exist", constraint.position);
      }
      if (std::find(out.columns.begin(), out.columns.end(), *ordinal) != out.columns.end()) {
        return bind_error("42701", "column \"" + name + "\" appears twice in constraint", constraint.position);
      }
      out.columns.push_back(*ordinal);
    }
    return {};
  };
  switch (constraint.kind) {
    case ast::ConstraintKind::kPrimaryKey:
    case ast::ConstraintKind::kUnique: {
      const bool primary = constraint.kind == ast::ConstraintKind::kPrimaryKey;
      if (constraint.deferrable || constraint.initially_deferred)
        return unsupported("deferrable constraints", constraint.position);
      if (primary && table.primary_key()) {
        return bind_error("42P16", "multiple primary keys for table \"" + table.name.name + "\" are not allowed",
                          constraint.position);
      }
      out.type = primary ? ConstraintType::kPrimaryKey : ConstraintType::kUnique;
      LDB_TRY(resolve_columns());
      if (out.name.empty()) out.name = primary ? constraint_name(table, {}, "pkey") : constraint_name(table, out.columns, "key");
      RelationName relation = table.name;
      relation.name = out.name;
      if (catalog().is_taken(relation) || out.name == table.name.name)
        return already_exists("relation", out.name, constraint.position);
      return out;
    }
    case ast::ConstraintKind::kCheck: {
      out.type = ConstraintType::kCheck;
      const BindEnvironment environment = host_.environment();
      Binder binder(environment, 0);
      LDB_ASSIGN_OR_RETURN(auto bound,
                           binder.bind_row_expression(*constraint.expression, table, numbered(table), "check constraints"));
      if (bound->type.id != TypeId::kBoolean && bound->type.id != TypeId::kNull) {
        return bind_error("42804", "argument of CHECK must be type boolean, not type " + bound->type.to_string(),
                          constraint.position);
      }
      out.columns = mentioned(*bound);
      out.check = store(*constraint.expression);
      if (out.name.empty()) {
        std::vector<Ordinal> naming;
        if (column != nullptr) {
          naming.push_back(*table.find_column(*column));
        } else if (out.columns.size() == 1) {
          naming = out.columns;
        }
        out.name = constraint_name(table, naming, "check");
      }
      return out;
    }
    case ast::ConstraintKind::kForeignKey:
      out.type = ConstraintType::kForeignKey;
      LDB_TRY(resolve_columns());
      if (out.name.empty()) out.name = constraint_name(table, out.columns, "fkey");
      LDB_TRY(resolve_foreign_key(constraint, table, out));
      return out;
    default:
      return unsupported("this constraint", constraint.position);
  }
}

Status SchemaChanger::add_table_constraint(const ast::Constraint& constraint, const std::string* column, NewTable& table,
                                           Table& view) {
  LDB_ASSIGN_OR_RETURN(TableConstraint made, make_constraint(constraint, column, view));
  if (made.type == ConstraintType::kPrimaryKey) {
    table.key_columns = made.columns;
    for (const Ordinal ordinal : made.columns) {
      table.columns[ordinal].not_null = true;
      view.columns[ordinal].not_null = true;
    }
  }
  view.constraints.push_back(made);
  table.constraints.push_back(std::move(made));
  return {};
}

Result<std::string> SchemaChanger::create_table(const ast::CreateTable& s) {
  if (s.persistence != ast::Persistence::kPermanent) {
    return unsupported(s.persistence == ast::Persistence::kTemporary ? "temporary tables" : "UNLOGGED tables", s.position);
  }
  if (!s.inherits.empty()) return unsupported("INHERITS", s.position);
  if (s.partition_by) return unsupported("PARTITION BY", s.position);
  if (!s.access_method.empty()) return unsupported("USING (table access methods)", s.position);
  if (!s.tablespace.empty()) return unsupported("tablespaces", s.position);
  if (s.on_commit != ast::OnCommit::kNone) return unsupported("ON COMMIT", s.position);
  if (!s.likes.empty()) return unsupported("LIKE in CREATE TABLE", s.position);
  NewTable table;
  LDB_ASSIGN_OR_RETURN(table.name, new_name(s.name));
  if (catalog().is_taken(table.name)) {
    if (s.if_not_exists) return std::string("CREATE TABLE");
    return already_exists("relation", table.name.name, s.name.position);
  }
  LDB_TRY(read_table_options(s.options, table.merge));
  if (s.columns.size() > kMaxColumns) return bind_error("54011", "tables can have at most 1600 columns", s.position);
  std::vector<Sequence> sequences;
  std::vector<Ordinal> sequence_columns;
  std::vector<std::pair<const ast::Constraint*, std::string>> column_constraints;
  Table view;  // the table as far as it is known, for binding constraints
  view.name = table.name;
  for (const ast::ColumnDefinition& definition : s.columns) {
    Column column;
    std::vector<const ast::Constraint*> constraints;
    const std::size_t before = sequences.size();
    LDB_TRY(add_column_definition(definition, table.name.name, column, constraints, sequences));
    if (sequences.size() > before) sequence_columns.push_back(static_cast<Ordinal>(table.columns.size()));
    if (view.find_column(column.name)) {
      return bind_error("42701", "column \"" + column.name + "\" specified more than once", definition.position);
    }
    for (const ast::Constraint* constraint : constraints) column_constraints.emplace_back(constraint, column.name);
    view.columns.push_back(column);
    table.columns.push_back(std::move(column));
  }
  for (const Column& column : table.columns) {
    if (!column.generated) continue;
    const BindEnvironment environment = host_.environment();
    Binder binder(environment, 0);
    LDB_ASSIGN_OR_RETURN(auto bound, binder.bind_row_expression(*column.generated.parsed->expression, view, numbered(view),
                                                                "column generation expressions"));
    for (const Ordinal used : mentioned(*bound)) {
      if (table.columns[used].generated) {
        return bind_error("42P17",
                          "cannot use generated column \"" + table.columns[used].name + "\" in column generation expression",
                          s.position);
      }
    }
  }
  // Keys first: foreign keys of the table to itself need them.
  const auto add = [&](bool keys) -> Status {
    for (const auto& [constraint, column] : column_constraints) {
      const bool is_key =
          constraint->kind == ast::ConstraintKind::kPrimaryKey || constraint->kind == ast::ConstraintKind::kUnique;
      if (is_key == keys) LDB_TRY(add_table_constraint(*constraint, &column, table, view));
    }
    for (const ast::Constraint& constraint : s.constraints) {
      const bool is_key = constraint.kind == ast::ConstraintKind::kPrimaryKey || constraint.kind == ast::ConstraintKind::kUnique;
      if (is_key == keys) LDB_TRY(add_table_constraint(constraint, nullptr, table, view));
    }
    return {};
  };
  LDB_TRY(add(true));
  LDB_TRY(add(false));
  CatalogEditor edit = editor();
  LDB_ASSIGN_OR_RETURN(const TableId id, edit.create_table(table));
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    sequences[i].name.database = table.name.database;
    sequences[i].name.schema = table.name.schema;
    sequences[i].owner_table = id;
    sequences[i].owner_column = table.columns[sequence_columns[i]].id;
    LDB_TRY(edit.create_sequence(sequences[i]).status());
  }
  return std::string("CREATE TABLE");
}

Result<std::string> SchemaChanger::create_table_as(const ast::CreateTableAs& s, std::string_view) {
  if (s.persistence != ast::Persistence::kPermanent) {
    return unsupported(s.persistence == ast::Persistence::kTemporary ? "temporary tables" : "UNLOGGED tables", s.position);
  }
  if (!s.access_method.empty() || !s.tablespace.empty() || s.on_commit != ast::OnCommit::kNone) {
    return unsupported("storage clauses of CREATE TABLE AS", s.position);
  }
  const auto* select = s.source->as<ast::SelectStatement>();
  if (select == nullptr) return unsupported("CREATE TABLE AS EXECUTE", s.position);
  NewTable table;
  LDB_ASSIGN_OR_RETURN(table.name, new_name(s.name));
  if (catalog().is_taken(table.name)) {
    if (s.if_not_exists) return std::string("CREATE TABLE AS");
    return already_exists("relation", table.name.name, s.name.position);
  }
  LDB_TRY(read_table_options(s.options, table.merge));
  LDB_ASSIGN_OR_RETURN(const auto columns, host_.describe(*select->query));
  if (s.columns.size() > columns.size()) return bind_error("42601", "too many column names were specified", s.position);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    Column column;
    column.name = i < s.columns.size() ? std::string(s.columns[i].text) : columns[i].name;
    column.type = columns[i].type;
    column.missing = Value(column.type.id, {});
    for (const Column& other : table.columns) {
      if (other.name == column.name)
        return bind_error("42701", "column \"" + column.name + "\" specified more than once", s.position);
    }
    table.columns.push_back(std::move(column));
  }
  CatalogEditor edit = editor();
  LDB_TRY(edit.create_table(table).status());
  if (!s.with_data) return std::string("CREATE TABLE AS");
  LDB_TRY(host_.refresh());
  LDB_ASSIGN_OR_RETURN(const ResultSet result,
                       host_.run_internal("INSERT INTO " + quoted(table.name) + " " + to_sql(*select->query)));
  return "SELECT " + std::to_string(result.affected_rows());
}

}  // namespace ldb::sql
