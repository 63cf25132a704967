// Other statements about the schema: indexes, views, sequences, schemas, databases; renaming, dropping, comments.
#pragma once

#include "sql/parse/ast_table.hpp"

namespace ldb::sql::ast {

/// ALTER object name RENAME [COLUMN c | CONSTRAINT c] TO new_name.
struct Rename : StatementOf<StatementKind::kRename> {
  ObjectKind object = ObjectKind::kTable;  ///< What `name` is.
  ObjectKind part = ObjectKind::kTable;    ///< kColumn or kConstraint when a part is renamed, otherwise equal to `object`.
  bool only = false;
  bool if_exists = false;
  bool cascade = false;
  QualifiedName name;
  std::string_view old_name;  ///< The part's name; empty when the object itself is renamed.
  std::string_view new_name;
};
/// ALTER object name SET SCHEMA new_schema.
struct SetSchema : StatementOf<StatementKind::kSetSchema> {
  ObjectKind object = ObjectKind::kTable;
  bool only = false;
  bool if_exists = false;
  QualifiedName name;
  std::string_view new_schema;
};

struct CreateIndex : StatementOf<StatementKind::kCreateIndex> {
  bool unique = false;
  bool concurrently = false;
  bool if_not_exists = false;
  bool only = false;
  bool nulls_not_distinct = false;
  std::string_view name;  ///< Empty: to be chosen.
  QualifiedName table;
  std::string_view access_method;  ///< Empty: default.
  List<IndexElement> elements;
  List<IndexElement> include;
  List<Option> options;
  std::string_view tablespace;
  const Expression* where = nullptr;
  std::string_view where_text;
};

enum class CheckOption : std::uint8_t { kNone, kLocal, kCascaded };
struct CreateView : StatementOf<StatementKind::kCreateView> {
  bool or_replace = false;
  bool recursive = false;
  bool materialized = false;
  bool if_not_exists = false;  ///< Materialized only.
  bool with_data = true;       ///< Materialized only.
  Persistence persistence = Persistence::kPermanent;
  QualifiedName name;
  List<Name> columns;
  std::string_view access_method;
  List<Option> options;
  std::string_view tablespace;
  const Query* query = nullptr;
  std::string_view query_text;  ///< The query as written, for the catalog.
  CheckOption check_option = CheckOption::kNone;
};

struct CreateSequence : StatementOf<StatementKind::kCreateSequence> {
  bool if_not_exists = false;
  Persistence persistence = Persistence::kPermanent;
  QualifiedName name;
  SequenceOptions options;
};
struct AlterSequence : StatementOf<StatementKind::kAlterSequence> {
  bool if_exists = false;
  QualifiedName name;
  SequenceOptions options;
};

struct CreateSchema : StatementOf<StatementKind::kCreateSchema> {
  bool if_not_exists = false;
  std::string_view name;            ///< Empty: named after `authorization`.
  std::string_view authorization;   ///< Empty: none.
  List<const Statement*> elements;  ///< CREATE TABLE, VIEW, INDEX, SEQUENCE inside CREATE SCHEMA.
};
/// CREATE DATABASE [IF NOT EXISTS] name [WITH] options. (IF NOT EXISTS is ldb's own.)
struct CreateDatabase : StatementOf<StatementKind::kCreateDatabase> {
  bool if_not_exists = false;
  std::string_view name;
  List<Option> options;
};

struct Drop : StatementOf<StatementKind::kDrop> {
  ObjectKind object = ObjectKind::kTable;
  bool if_exists = false;
  bool cascade = false;
  bool concurrently = false;
  bool force = false;  ///< DROP DATABASE ... WITH (FORCE)
  List<QualifiedName> names;
};

struct RelationRef {
  QualifiedName name;
  bool only = false;
};
struct Truncate : StatementOf<StatementKind::kTruncate> {
  List<RelationRef> tables;
  bool restart_identity = false;
  bool cascade = false;
};

struct Comment : StatementOf<StatementKind::kComment> {
  ObjectKind object = ObjectKind::kTable;
  QualifiedName name;     ///< The table for kColumn and kConstraint.
  std::string_view part;  ///< Column or constraint name.
  bool is_null = false;   ///< IS NULL: remove it.
  std::string_view text;
};

enum class ReindexKind : std::uint8_t { kIndex, kTable, kSchema, kSystem, kDatabase };
struct Reindex : StatementOf<StatementKind::kReindex> {
  ReindexKind reindex = ReindexKind::kTable;
  bool concurrently = false;
  List<Option> options;
  QualifiedName name;
};

}  // namespace ldb::sql::ast
