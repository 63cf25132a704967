// SchemaChanger: CREATE, ALTER, DROP and COMMENT as changes of the catalog.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/result_set.hpp"
#include "sql/bind/binder.hpp"
#include "sql/catalog/catalog_editor.hpp"
#include "sql/parse/ast.hpp"

namespace ldb::sql {

/// The session's side: lets a schema change run statements in its transaction, and see its own effects.
class SchemaHost {
 public:
  virtual ~SchemaHost() = default;
  /// The catalog that the transaction sees; changes with refresh().
  virtual const std::shared_ptr<const Catalog>& catalog() const = 0;
  virtual RowTransaction& rows() = 0;
  /// Loads the catalog anew after system rows were written.
  virtual Status refresh() = 0;
  virtual BindEnvironment environment() const = 0;
  /// One statement, in the transaction, as the system: for checking and rewriting existing rows.
  virtual Result<ResultSet> run_internal(const std::string& sql) = 0;
  virtual Result<Value> evaluate(const Expression& expression) = 0;
  /// A query's plan, to know its columns.
  virtual Result<std::vector<OutputColumn>> describe(const ast::Query& query) = 0;
  virtual const std::string& database() const = 0;
  virtual const std::vector<std::string>& search_path() const = 0;
  virtual void forget_sequence(TableId sequence) = 0;
  /// Existing rows were found to satisfy a new constraint: no other commit may come between.
  virtual void note_validated() = 0;
};

/// One schema statement. Errors: SQLSTATE class 42, 2B, 23, 0A with positions.
class SchemaChanger {
 public:
  explicit SchemaChanger(SchemaHost& host) : host_(host) {}
  /// The command tag.
  Result<std::string> run(const ast::Statement& statement, std::string_view source_text);
  /// Tables that TRUNCATE emptied.
  const std::vector<std::shared_ptr<const Table>>& truncated() const { return truncated_; }

 private:
  // schema_changer.cpp
  Result<std::string> create_schema(const ast::CreateSchema& s);
  Result<std::string> create_database(const ast::CreateDatabase& s);
  Result<std::string> create_index(const ast::CreateIndex& s);
  Result<std::string> create_view(const ast::CreateView& s);
  Result<std::string> create_sequence(const ast::CreateSequence& s);
  Result<std::string> alter_sequence(const ast::AlterSequence& s);
  Result<std::string> comment(const ast::Comment& s);
  Status apply_sequence_options(const ast::SequenceOptions& options, Sequence& sequence, bool is_new);

  // schema_drop.cpp
  Result<std::string> drop(const ast::Drop& s);
  Status drop_one_relation(const ast::Drop& s, const ast::QualifiedName& name, RelationKind kind);
  Status drop_index(const ast::Drop& s, const ast::QualifiedName& name);
  Status drop_database(const ast::Drop& s, const ast::QualifiedName& name);
  Status drop_schema(const ast::Drop& s, const ast::QualifiedName& name);
  Status drop_dependent_defaults(TableId id, bool cascade);
  Status drop_dependent_views(TableId table, bool cascade, const std::string& what, const std::string* column = nullptr);
  Result<std::string> rename(const ast::Rename& s);
  Result<std::string> set_schema(const ast::SetSchema& s);
  Result<std::string> truncate(const ast::Truncate& s);

  // schema_create_table.cpp
  Result<std::string> create_table(const ast::CreateTable& s);
  Result<std::string> create_table_as(const ast::CreateTableAs& s, std::string_view source_text);
  Status add_column_definition(const ast::ColumnDefinition& definition, const std::string& table_name, Column& column,
                               std::vector<const ast::Constraint*>& constraints, std::vector<Sequence>& sequences);
  Status set_default(const ast::Expression& expression, Column& column);
  Status add_table_constraint(const ast::Constraint& constraint, const std::string* column, NewTable& table, Table& view);
  Result<TableConstraint> make_constraint(const ast::Constraint& constraint, const std::string* column, const Table& table);
  Status resolve_foreign_key(const ast::Constraint& constraint, const Table& table, TableConstraint& out);
  std::string constraint_name(const Table& table, const std::vector<Ordinal>& columns, std::string_view suffix);
  Status read_table_options(std::span<const ast::Option> options, MergeMode& merge);

  // schema_alter_table.cpp
  Result<std::string> alter_table(const ast::AlterTable& s);
  Status alter(const ast::AlterCommand& command, TableId table);
  Status add_column(const ast::AlterCommand& command, const Table& table);
  Status drop_column(const ast::AlterCommand& command, const Table& table);
  Status set_type(const ast::AlterCommand& command, const Table& table, Ordinal ordinal);
  Status rewrite_column(const ast::AlterCommand& command, const Table& table, Ordinal ordinal, const DataType& type);
  Status add_constraint(const ast::Constraint& constraint, const std::string* column, TableId table);
  Status drop_constraint(const ast::AlterCommand& command, const Table& table);
  Status validate(const Table& table, const TableConstraint& constraint);
  Status check_not_null(const Table& table, const Column& column);

  /// The name a new relation gets. 3F000 when there is no schema for it.
  Result<RelationName> new_name(const ast::QualifiedName& name) const;
  /// Where an existing one is, or nothing.
  std::optional<RelationName> find_name(const ast::QualifiedName& name) const;
  Result<std::shared_ptr<const Table>> find_table(const ast::QualifiedName& name, std::string_view what = "relation") const;
  const Catalog& catalog() const { return *host_.catalog(); }
  CatalogEditor editor() { return CatalogEditor(host_.rows(), catalog()); }

  SchemaHost& host_;
  std::vector<std::shared_ptr<const Table>> truncated_;
};

/// "schema"."table", quoted where needed.
std::string quoted(const RelationName& name);
Status already_exists(std::string_view kind, std::string_view name, std::uint32_t position = 0);

}  // namespace ldb::sql
