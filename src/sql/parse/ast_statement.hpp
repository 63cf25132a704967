// Statements: the base, queries and data changes. Tables: ast_table.hpp; other schema statements: ast_schema.hpp; session and
// utility statements: ast_utility.hpp.
#pragma once

#include "sql/parse/ast_query.hpp"

namespace ldb::sql::ast {

enum class StatementKind : std::uint8_t {
  kSelect,
  kInsert,
  kUpdate,
  kDelete,
  kMerge,  // ast_statement.hpp
  kCreateTable,
  kCreateTableAs,
  kAlterTable,
  kRename,
  kSetSchema,
  kCreateIndex,
  kCreateView,  // ast_table.hpp, ast_schema.hpp
  kCreateSequence,
  kAlterSequence,
  kCreateSchema,
  kCreateDatabase,
  kDrop,
  kTruncate,
  kComment,
  kReindex,
  kTransaction,
  kSetVariable,
  kSetTransaction,
  kSetConstraints,
  kShow,
  kReset,
  kExplain,
  kAnalyze,  // ast_utility.hpp
  kVacuum,
  kPrepare,
  kExecute,
  kDeallocate,
  kCopy,
  kDeclareCursor,
  kFetch,
  kCloseCursor,
  kLockTable,
  kDiscard,
  kListen,
  kUnlisten,
  kNotify,
  kCheckpoint
};

struct Statement {
  Position position = 0;  ///< Of the first word.
  StatementKind kind;
  std::uint32_t source_offset = 0;  ///< First byte of the statement in the parsed text (statements inside others: 0).
  std::uint32_t source_length = 0;  ///< Bytes up to, not including, the semicolon or trailing blanks.

  explicit constexpr Statement(StatementKind k) : kind(k) {}
  template <class T>
  const T* as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

template <StatementKind K>
struct StatementOf : Statement {
  static constexpr StatementKind kKind = K;
  constexpr StatementOf() : Statement(K) {}
};

struct SelectStatement : StatementOf<StatementKind::kSelect> {
  const Query* query = nullptr;
};

/// The table a data change works on.
struct TargetTable {
  QualifiedName name;
  bool only = false;
  std::string_view alias;  ///< Empty: none.
};

/// column = value, or (a, b) = (1, 2) | ROW(1, 2) | (SELECT ...): then several columns and `value` is a Row or ScalarSubquery.
struct Assignment {
  List<Name> columns;
  bool is_multiple = false;           ///< Parentheses were written around the columns.
  const Expression* value = nullptr;  ///< May be Default; a Row may contain Default.
};

/// Element of CREATE INDEX and of ON CONFLICT (...).
struct IndexElement {
  std::string_view column;  ///< Empty when `expression` is set.
  const Expression* expression = nullptr;
  QualifiedName collation;       ///< Empty name: none.
  QualifiedName operator_class;  ///< Empty name: none.
  SortDirection direction = SortDirection::kDefault;
  NullsOrder nulls = NullsOrder::kDefault;
  Position position = 0;
};

struct OnConflict {
  bool do_update = false;     ///< Otherwise DO NOTHING.
  List<IndexElement> target;  ///< ON CONFLICT (a, lower(b))
  const Expression* target_where = nullptr;
  std::string_view constraint;  ///< ON CONFLICT ON CONSTRAINT name
  List<Assignment> assignments;
  const Expression* where = nullptr;
  Position position = 0;
};

enum class Overriding : std::uint8_t { kNone, kUserValue, kSystemValue };
struct Insert : StatementOf<StatementKind::kInsert> {
  const WithClause* with = nullptr;
  TargetTable table;
  List<Name> columns;  ///< Empty: all, in table order.
  Overriding overriding = Overriding::kNone;
  bool default_values = false;    ///< INSERT ... DEFAULT VALUES; `source` is null then.
  const Query* source = nullptr;  ///< A ValuesBody may contain Default.
  const OnConflict* on_conflict = nullptr;
  List<SelectItem> returning;
};

struct Update : StatementOf<StatementKind::kUpdate> {
  const WithClause* with = nullptr;
  TargetTable table;
  List<Assignment> assignments;
  List<const TableRef*> from;
  const Expression* where = nullptr;
  List<SelectItem> returning;
};

struct Delete : StatementOf<StatementKind::kDelete> {
  const WithClause* with = nullptr;
  TargetTable table;
  List<const TableRef*> using_tables;
  const Expression* where = nullptr;
  List<SelectItem> returning;
};

enum class MergeAction : std::uint8_t { kDoNothing, kUpdate, kDelete, kInsert };
struct MergeWhen {
  bool matched = false;
  const Expression* condition = nullptr;
  MergeAction action = MergeAction::kDoNothing;
  List<Assignment> assignments;  ///< kUpdate
  List<Name> columns;            ///< kInsert
  Overriding overriding = Overriding::kNone;
  bool default_values = false;
  List<const Expression*> values;  ///< kInsert
  Position position = 0;
};
struct Merge : StatementOf<StatementKind::kMerge> {
  const WithClause* with = nullptr;
  TargetTable table;
  const TableRef* source = nullptr;
  const Expression* on = nullptr;
  List<MergeWhen> whens;
};

}  // namespace ldb::sql::ast
