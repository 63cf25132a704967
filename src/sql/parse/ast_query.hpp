// Queries: SELECT, VALUES, set operations, WITH, FROM items.
#pragma once

#include "sql/parse/ast_predicate.hpp"

namespace ldb::sql::ast {

struct Statement;

/// One entry of a select list or RETURNING list.
struct SelectItem {
  const Expression* expression = nullptr;
  std::string_view alias;  ///< Empty: none written.
  Position position = 0;
};

struct TableAlias {
  std::string_view name;           ///< Empty: no alias.
  List<std::string_view> columns;  ///< AS t (a, b)
  Position position = 0;
};

enum class TableRefKind : std::uint8_t { kTable, kSubquery, kFunction, kJoin };
struct TableRef {
  Position position = 0;
  std::uint16_t height = 1;
  TableRefKind kind;
  TableAlias alias;

  explicit constexpr TableRef(TableRefKind k) : kind(k) {}
  template <class T>
  const T* as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

struct TableSample {
  QualifiedName method;
  List<const Expression*> arguments;
  const Expression* repeatable = nullptr;
};
struct NamedTable : TableRef {
  static constexpr TableRefKind kKind = TableRefKind::kTable;
  NamedTable() : TableRef(kKind) {}
  QualifiedName name;
  bool only = false;
  const TableSample* sample = nullptr;
};
struct SubqueryTable : TableRef {
  static constexpr TableRefKind kKind = TableRefKind::kSubquery;
  SubqueryTable() : TableRef(kKind) {}
  bool lateral = false;
  const Query* query = nullptr;
};
struct ColumnTypeDefinition {
  std::string_view name;
  const TypeName* type = nullptr;
  QualifiedName collation;  ///< Empty name: none.
  Position position = 0;
};
struct TableFunction {
  const Expression* call = nullptr;  ///< FunctionCall, or CurrentValue/SpecialCall/Cast as PostgreSQL allows.
  List<ColumnTypeDefinition> columns;
};
/// f(...) [WITH ORDINALITY], or ROWS FROM (f(...), g(...)).
struct FunctionTable : TableRef {
  static constexpr TableRefKind kKind = TableRefKind::kFunction;
  FunctionTable() : TableRef(kKind) {}
  bool lateral = false;
  bool rows_from = false;
  bool with_ordinality = false;
  List<TableFunction> functions;
  List<ColumnTypeDefinition> columns;  ///< AS t (a int, b text)
};
enum class JoinKind : std::uint8_t { kInner, kLeft, kRight, kFull, kCross };
struct Join : TableRef {
  static constexpr TableRefKind kKind = TableRefKind::kJoin;
  Join() : TableRef(kKind) {}
  JoinKind join = JoinKind::kInner;
  bool natural = false;
  const TableRef* left = nullptr;
  const TableRef* right = nullptr;
  const Expression* on = nullptr;
  List<Name> using_columns;
  std::string_view using_alias;  ///< USING (a) AS alias
};

enum class GroupItemKind : std::uint8_t { kExpression, kEmpty, kRollup, kCube, kSets };
/// One element of GROUP BY. kExpression: `expression` (a Row stands for (a, b)); kEmpty: (); kRollup, kCube: `items` are
/// expressions; kSets: `items` may nest all kinds.
struct GroupItem {
  GroupItemKind kind = GroupItemKind::kExpression;
  Position position = 0;
  const Expression* expression = nullptr;
  List<GroupItem> items;
};

struct NamedWindow {
  std::string_view name;
  const WindowSpec* spec = nullptr;
  Position position = 0;
};

enum class QueryBodyKind : std::uint8_t { kSelect, kValues, kSetOperation, kNested };
struct QueryBody {
  Position position = 0;
  std::uint16_t height = 1;
  QueryBodyKind kind;
  explicit constexpr QueryBody(QueryBodyKind k) : kind(k) {}
  template <class T>
  const T* as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

enum class Persistence : std::uint8_t { kPermanent, kTemporary, kUnlogged };
/// SELECT ... INTO name: creates a table.
struct IntoClause {
  QualifiedName name;
  Persistence persistence = Persistence::kPermanent;
};

enum class DistinctKind : std::uint8_t { kNone, kDistinct, kDistinctOn };
/// SELECT core. TABLE t arrives as SELECT * FROM t.
struct SelectBody : QueryBody {
  static constexpr QueryBodyKind kKind = QueryBodyKind::kSelect;
  SelectBody() : QueryBody(kKind) {}
  DistinctKind distinct = DistinctKind::kNone;
  bool group_by_distinct = false;
  List<const Expression*> distinct_on;
  List<SelectItem> items;  ///< May be empty, as in PostgreSQL.
  const IntoClause* into = nullptr;
  List<const TableRef*> from;
  const Expression* where = nullptr;
  List<GroupItem> group_by;
  const Expression* having = nullptr;
  List<NamedWindow> windows;
};
using ValueRow = List<const Expression*>;
struct ValuesBody : QueryBody {
  static constexpr QueryBodyKind kKind = QueryBodyKind::kValues;
  ValuesBody() : QueryBody(kKind) {}
  List<ValueRow> rows;
};
enum class SetOperator : std::uint8_t { kUnion, kIntersect, kExcept };
struct SetLink {
  SetOperator op = SetOperator::kUnion;
  bool all = false;
  Position position = 0;
  const QueryBody* right = nullptr;
};
/// first op1 r1 op2 r2 ..., evaluated from the left. INTERSECT binds tighter, so it forms its own node.
struct SetOperationBody : QueryBody {
  static constexpr QueryBodyKind kKind = QueryBodyKind::kSetOperation;
  SetOperationBody() : QueryBody(kKind) {}
  const QueryBody* first = nullptr;
  List<SetLink> links;
};
/// A parenthesised query with its own WITH, ORDER BY, LIMIT or locking clause, as an operand of a set operation or of further
/// clauses.
struct NestedBody : QueryBody {
  static constexpr QueryBodyKind kKind = QueryBodyKind::kNested;
  NestedBody() : QueryBody(kKind) {}
  const Query* query = nullptr;
};

enum class Materialization : std::uint8_t { kDefault, kMaterialized, kNotMaterialized };
struct CteSearch {
  bool breadth_first = false;
  List<Name> columns;
  std::string_view sequence_column;
};
struct CteCycle {
  List<Name> columns;
  std::string_view mark_column;
  const Expression* mark_value = nullptr;    ///< Null: TRUE.
  const Expression* mark_default = nullptr;  ///< Null: FALSE.
  std::string_view path_column;
};
struct CommonTable {
  std::string_view name;
  Position position = 0;
  Materialization materialization = Materialization::kDefault;
  List<Name> columns;
  const Statement* statement = nullptr;  ///< SelectStatement, or Insert/Update/Delete with RETURNING.
  const CteSearch* search = nullptr;
  const CteCycle* cycle = nullptr;
};
struct WithClause {
  std::uint16_t height = 1;
  bool recursive = false;
  List<CommonTable> tables;
  Position position = 0;
};

enum class LockStrength : std::uint8_t { kKeyShare, kShare, kNoKeyUpdate, kUpdate };
enum class LockWait : std::uint8_t { kBlock, kSkipLocked, kNoWait };
struct LockingClause {
  LockStrength strength = LockStrength::kUpdate;
  LockWait wait = LockWait::kBlock;
  List<QualifiedName> tables;  ///< OF t, u
  Position position = 0;
};

/// A complete query expression.
struct Query {
  Position position = 0;
  std::uint16_t height = 1;
  bool limit_all = false;  ///< LIMIT ALL was written (same as no limit).
  bool with_ties = false;  ///< FETCH FIRST n ROWS WITH TIES.
  const WithClause* with = nullptr;
  const QueryBody* body = nullptr;
  List<OrderItem> order_by;
  const Expression* limit = nullptr;
  const Expression* offset = nullptr;
  List<LockingClause> locking;
};

}  // namespace ldb::sql::ast
