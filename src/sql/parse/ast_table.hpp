// CREATE TABLE and ALTER TABLE: columns, constraints, options.
#pragma once

#include "sql/parse/ast_statement.hpp"

namespace ldb::sql::ast {

enum class OptionValueKind : std::uint8_t { kNone, kWord, kString, kInteger, kDecimal, kList };
/// A setting's value as written: a word (on, true, public), a string, a number.
struct OptionValue {
  OptionValueKind kind = OptionValueKind::kNone;
  std::string_view text;     ///< Word (folded), string, or number as text.
  std::int64_t integer = 0;  ///< kInteger.
  List<OptionValue> items;   ///< kList: COPY (FORCE_QUOTE (a, b)); a lone "*" is a kWord.
  Position position = 0;
};
/// name [= value] in WITH (...), EXPLAIN (...), COPY (...), VACUUM (...).
struct Option {
  std::string_view space;  ///< toast.autovacuum_enabled: "toast"; empty otherwise.
  std::string_view name;   ///< Folded to lower case.
  OptionValue value;
  Position position = 0;
};

/// START WITH, INCREMENT BY, ... of sequences and identity columns.
struct SequenceOptions {
  const TypeName* type = nullptr;
  const Literal* increment = nullptr;
  const Literal* min_value = nullptr;
  const Literal* max_value = nullptr;
  const Literal* start = nullptr;
  const Literal* cache = nullptr;
  const Literal* restart_with = nullptr;
  bool restart = false;  ///< RESTART without a value too.
  bool no_min_value = false;
  bool no_max_value = false;
  bool has_cycle = false;  ///< `cycle` was written one way or the other.
  bool cycle = false;
  bool has_owned_by = false;
  List<std::string_view> owned_by;  ///< Empty with has_owned_by: OWNED BY NONE.
  QualifiedName sequence_name;      ///< SEQUENCE NAME n (identity columns only); empty name: none.
};

enum class ConstraintKind : std::uint8_t {
  kNull,
  kNotNull,
  kDefault,
  kCheck,
  kUnique,
  kPrimaryKey,
  kForeignKey,
  kIdentity,
  kGenerated,
  kExclude
};
enum class ReferenceAction : std::uint8_t { kNoAction, kRestrict, kCascade, kSetNull, kSetDefault };
enum class ReferenceMatch : std::uint8_t { kSimple, kFull, kPartial };
struct ExcludeElement {
  IndexElement element;
  std::string_view with_operator;
};
/// A column or table constraint. Column constraints leave `columns` empty.
struct Constraint {
  ConstraintKind kind = ConstraintKind::kNotNull;
  Position position = 0;
  std::string_view name;                   ///< CONSTRAINT name; empty: unnamed.
  const Expression* expression = nullptr;  ///< kDefault, kCheck, kGenerated (STORED).
  std::string_view expression_text;        ///< The same as written, for messages and the catalog.
  List<Name> columns;                      ///< kUnique, kPrimaryKey, kForeignKey of a table.
  QualifiedName references;                ///< kForeignKey.
  List<Name> referenced_columns;           ///< Empty: the primary key.
  ReferenceMatch match = ReferenceMatch::kSimple;
  ReferenceAction on_delete = ReferenceAction::kNoAction;
  ReferenceAction on_update = ReferenceAction::kNoAction;
  List<Name> on_delete_columns;  ///< ON DELETE SET NULL (a, b)
  bool deferrable = false;
  bool initially_deferred = false;
  bool not_deferrable = false;  ///< NOT DEFERRABLE was written.
  bool not_valid = false;
  bool no_inherit = false;
  bool nulls_not_distinct = false;
  bool identity_always = false;  ///< kIdentity: GENERATED ALWAYS rather than BY DEFAULT.
  const SequenceOptions* sequence = nullptr;
  List<Name> include;
  List<Option> options;  ///< WITH (...) of a unique or primary key index.
  std::string_view tablespace;
  std::string_view using_index;    ///< ALTER TABLE ... ADD ... USING INDEX name
  std::string_view access_method;  ///< kExclude USING method
  List<ExcludeElement> exclude;
  const Expression* where = nullptr;  ///< kExclude
};

struct ColumnDefinition {
  std::string_view name;
  Position position = 0;
  const TypeName* type = nullptr;  ///< Null only for typed tables and partitions.
  QualifiedName collation;
  std::string_view compression;
  List<Constraint> constraints;
};

enum LikeOption : std::uint16_t {
  kLikeComments = 1,
  kLikeCompression = 2,
  kLikeConstraints = 4,
  kLikeDefaults = 8,
  kLikeGenerated = 16,
  kLikeIdentity = 32,
  kLikeIndexes = 64,
  kLikeStatistics = 128,
  kLikeStorage = 256,
  kLikeAll = 511
};
struct LikeClause {
  QualifiedName table;
  std::uint16_t including = 0;      ///< LikeOption bits.
  std::uint32_t before_column = 0;  ///< Its place: index of the first column definition that follows it.
};

enum class PartitionStrategy : std::uint8_t { kRange, kList, kHash };
struct PartitionSpec {
  PartitionStrategy strategy = PartitionStrategy::kRange;
  List<IndexElement> columns;
};
enum class OnCommit : std::uint8_t { kNone, kPreserveRows, kDeleteRows, kDrop };

struct CreateTable : StatementOf<StatementKind::kCreateTable> {
  QualifiedName name;
  bool if_not_exists = false;
  Persistence persistence = Persistence::kPermanent;
  List<ColumnDefinition> columns;
  List<Constraint> constraints;  ///< Table constraints.
  List<LikeClause> likes;
  List<QualifiedName> inherits;
  const PartitionSpec* partition_by = nullptr;
  std::string_view access_method;
  List<Option> options;
  OnCommit on_commit = OnCommit::kNone;
  std::string_view tablespace;
};

/// CREATE TABLE ... AS, and CREATE MATERIALIZED VIEW through CreateView.
struct CreateTableAs : StatementOf<StatementKind::kCreateTableAs> {
  QualifiedName name;
  bool if_not_exists = false;
  bool with_data = true;
  Persistence persistence = Persistence::kPermanent;
  List<Name> columns;
  std::string_view access_method;
  List<Option> options;
  OnCommit on_commit = OnCommit::kNone;
  std::string_view tablespace;
  const Statement* source = nullptr;  ///< SelectStatement or Execute.
};

enum class ObjectKind : std::uint8_t {
  kTable,
  kIndex,
  kView,
  kMaterializedView,
  kSequence,
  kSchema,
  kDatabase,
  kColumn,
  kConstraint
};

enum class AlterKind : std::uint8_t {
  kAddColumn,
  kDropColumn,
  kSetType,
  kSetDefault,
  kDropDefault,
  kSetNotNull,
  kDropNotNull,
  kDropExpression,
  kSetStatistics,
  kSetStorage,
  kSetCompression,
  kSetColumnOptions,
  kResetColumnOptions,
  kAddIdentity,
  kSetIdentity,
  kDropIdentity,
  kAddConstraint,
  kDropConstraint,
  kValidateConstraint,
  kAlterConstraint,
  kSetOptions,
  kResetOptions,
  kOwnerTo,
  kSetTablespace,
  kSetLogged,
  kSetUnlogged,
  kInherit,
  kNoInherit,
  kClusterOn,
  kSetWithoutCluster
};
struct AlterCommand {
  AlterKind kind = AlterKind::kAddColumn;
  Position position = 0;
  bool if_exists = false;      ///< DROP COLUMN IF EXISTS, DROP CONSTRAINT IF EXISTS
  bool if_not_exists = false;  ///< ADD COLUMN IF NOT EXISTS
  bool cascade = false;
  std::string_view name;                     ///< Column, constraint, owner, tablespace, index: the command's own object.
  const ColumnDefinition* column = nullptr;  ///< kAddColumn
  const Constraint* constraint = nullptr;    ///< kAddConstraint, kAddIdentity, kAlterConstraint
  const TypeName* type = nullptr;            ///< kSetType
  QualifiedName collation;                   ///< kSetType
  const Expression* expression = nullptr;    ///< kSetType USING, kSetDefault
  std::string_view expression_text;
  std::int64_t integer = 0;  ///< kSetStatistics
  std::string_view word;     ///< kSetStorage, kSetCompression
  List<Option> options;
  const SequenceOptions* sequence = nullptr;  ///< kSetIdentity
  bool set_identity_kind = false;             ///< kSetIdentity: SET GENERATED was written, see `identity_always`.
  bool identity_always = false;
  QualifiedName table;  ///< kInherit, kNoInherit
};
/// ALTER TABLE | INDEX | VIEW | MATERIALIZED VIEW | SEQUENCE name command, ...
struct AlterTable : StatementOf<StatementKind::kAlterTable> {
  ObjectKind object = ObjectKind::kTable;
  QualifiedName name;
  bool only = false;
  bool if_exists = false;
  List<AlterCommand> commands;
};

}  // namespace ldb::sql::ast
