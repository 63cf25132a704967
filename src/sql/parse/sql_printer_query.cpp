// SqlPrinter: queries.
#include "sql/parse/sql_printer.hpp"

namespace ldb::sql {

using namespace ast;

// ---------------------------------------------------------------- windows and ORDER BY

void SqlPrinter::window(const WindowSpec& w) {
  std::string_view separator;
  auto clause = [&](std::string_view words) {
    put(separator), put(words);
    separator = " ";
  };
  put("(");
  if (!w.base_name.empty()) {
    // These start a clause when bare.
    bool clause_word = w.base_name == "partition" || w.base_name == "range" || w.base_name == "rows" || w.base_name == "groups";
    clause("");
    if (clause_word)
      put("\""), put(w.base_name), put("\"");
    else
      identifier(w.base_name);
  }
  if (!w.partition_by.empty()) clause("PARTITION BY "), expressions(w.partition_by);
  if (!w.order_by.empty()) clause("ORDER BY "), order_items(w.order_by);
  if (w.frame != nullptr) clause(""), frame(*w.frame);
  put(")");
}

void SqlPrinter::frame(const WindowFrame& f) {
  static constexpr std::string_view kUnits[] = {"ROWS", "RANGE", "GROUPS"};
  static constexpr std::string_view kExclusions[] = {"", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES"};
  put(kUnits[static_cast<std::size_t>(f.unit)]);
  put(" BETWEEN "), frame_bound(f.start);
  put(" AND "), frame_bound(f.end);
  put(kExclusions[static_cast<std::size_t>(f.exclusion)]);
}

void SqlPrinter::frame_bound(const FrameBound& b) {
  switch (b.kind) {
    case FrameBoundKind::kUnboundedPreceding:
      return put("UNBOUNDED PRECEDING");
    case FrameBoundKind::kUnboundedFollowing:
      return put("UNBOUNDED FOLLOWING");
    case FrameBoundKind::kCurrentRow:
      return put("CURRENT ROW");
    case FrameBoundKind::kPreceding:
    case FrameBoundKind::kFollowing:
      break;
  }
  bool literal = b.offset->kind == ExpressionKind::kLiteral;
  if (!literal) put("(");
  expression(*b.offset);
  if (!literal) put(")");
  put(b.kind == FrameBoundKind::kPreceding ? " PRECEDING" : " FOLLOWING");
}

void SqlPrinter::sort_direction(SortDirection direction, NullsOrder nulls) {
  if (direction == SortDirection::kAscending) put(" ASC");
  if (direction == SortDirection::kDescending) put(" DESC");
  if (nulls == NullsOrder::kFirst) put(" NULLS FIRST");
  if (nulls == NullsOrder::kLast) put(" NULLS LAST");
}

void SqlPrinter::order_items(List<OrderItem> items) {
  list(items, [&](const OrderItem& item) {
    expression(*item.expression);
    if (item.direction == SortDirection::kUsing) put(" USING "), put(item.using_operator);
    sort_direction(item.direction, item.nulls);
  });
}

// ---------------------------------------------------------------- bodies

void SqlPrinter::query(const Query& q) {
  if (q.with != nullptr) with(*q.with);
  body(*q.body, false);
  query_tail(q);
}

void SqlPrinter::body(const QueryBody& b, bool operand) {
  if (const auto* nested = b.as<NestedBody>()) return subquery(*nested->query);
  if (const auto* core = b.as<SelectBody>()) return select(*core);
  if (const auto* rows = b.as<ValuesBody>()) return values(*rows);
  static constexpr std::string_view kNames[] = {" UNION ", " INTERSECT ", " EXCEPT "};
  const auto* operation = b.as<SetOperationBody>();
  if (operand) put("(");
  body(*operation->first, true);
  for (const SetLink& link : operation->links) {
    put(kNames[static_cast<std::size_t>(link.op)]);
    if (link.all) put("ALL ");
    body(*link.right, true);
  }
  if (operand) put(")");
}

void SqlPrinter::values(const ValuesBody& v) {
  put("VALUES ");
  list(v.rows, [&](const ValueRow& row) {
    put("(");
    expressions(row);
    put(")");
  });
}

void SqlPrinter::select_items(List<SelectItem> items) {
  list(items, [&](const SelectItem& item) {
    expression(*item.expression);
    if (!item.alias.empty()) put(" AS "), identifier(item.alias);
  });
}

void SqlPrinter::select(const SelectBody& s) {
  put("SELECT");
  if (s.distinct == DistinctKind::kDistinct) put(" DISTINCT");
  if (s.distinct == DistinctKind::kDistinctOn) put(" DISTINCT ON ("), expressions(s.distinct_on), put(")");
  if (!s.items.empty()) put(" "), select_items(s.items);
  if (s.into != nullptr) {
    put(" INTO ");
    if (s.into->persistence == Persistence::kTemporary) put("TEMPORARY ");
    if (s.into->persistence == Persistence::kUnlogged) put("UNLOGGED ");
    put("TABLE "), name(s.into->name);
  }
  if (!s.from.empty()) put(" FROM "), from(s.from);
  if (s.where != nullptr) put(" WHERE "), expression(*s.where);
  if (!s.group_by.empty()) {
    put(s.group_by_distinct ? " GROUP BY DISTINCT " : " GROUP BY ");
    list(s.group_by, [&](const GroupItem& item) { group_item(item); });
  }
  if (s.having != nullptr) put(" HAVING "), expression(*s.having);
  if (s.windows.empty()) return;
  put(" WINDOW ");
  list(s.windows, [&](const NamedWindow& w) {
    identifier(w.name), put(" AS ");
    window(*w.spec);
  });
}

void SqlPrinter::group_item(const GroupItem& item) {
  switch (item.kind) {
    case GroupItemKind::kExpression:
      return expression(*item.expression);
    case GroupItemKind::kEmpty:
      return put("()");
    case GroupItemKind::kRollup:
      put("ROLLUP (");
      break;
    case GroupItemKind::kCube:
      put("CUBE (");
      break;
    case GroupItemKind::kSets:
      put("GROUPING SETS (");
      break;
  }
  list(item.items, [&](const GroupItem& inner) { group_item(inner); });
  put(")");
}

void SqlPrinter::query_tail(const Query& q) {
  if (!q.order_by.empty()) put(" ORDER BY "), order_items(q.order_by);
  if (q.limit_all) put(" LIMIT ALL");
  if (q.limit != nullptr && !q.with_ties) put(" LIMIT "), expression(*q.limit);
  if (q.offset != nullptr) put(" OFFSET "), expression(*q.offset);
  if (q.with_ties) {
    bool literal = q.limit->kind == ExpressionKind::kLiteral;
    put(literal ? " FETCH FIRST " : " FETCH FIRST (");
    expression(*q.limit);
    put(literal ? " ROWS WITH TIES" : ") ROWS WITH TIES");
  }
  for (const LockingClause& clause : q.locking) locking(clause);
}

void SqlPrinter::locking(const LockingClause& clause) {
  static constexpr std::string_view kStrengths[] = {" FOR KEY SHARE", " FOR SHARE", " FOR NO KEY UPDATE", " FOR UPDATE"};
  put(kStrengths[static_cast<std::size_t>(clause.strength)]);
  if (!clause.tables.empty()) {
    put(" OF ");
    list(clause.tables, [&](const QualifiedName& table) { name(table); });
  }
  if (clause.wait == LockWait::kNoWait) put(" NOWAIT");
  if (clause.wait == LockWait::kSkipLocked) put(" SKIP LOCKED");
}

// ---------------------------------------------------------------- WITH

void SqlPrinter::with(const WithClause& w) {
  put(w.recursive ? "WITH RECURSIVE " : "WITH ");
  list(w.tables, [&](const CommonTable& table) { common_table(table); });
  put(" ");
}

void SqlPrinter::common_table(const CommonTable& table) {
  identifier(table.name);
  if (!table.columns.empty()) put(" ("), names(table.columns), put(")");
  put(" AS ");
  if (table.materialization == Materialization::kMaterialized) put("MATERIALIZED ");
  if (table.materialization == Materialization::kNotMaterialized) put("NOT MATERIALIZED ");
  put("("), statement(*table.statement), put(")");
  if (table.search != nullptr) {
    put(table.search->breadth_first ? " SEARCH BREADTH FIRST BY " : " SEARCH DEPTH FIRST BY ");
    names(table.search->columns);
    put(" SET "), identifier(table.search->sequence_column);
  }
  if (table.cycle == nullptr) return;
  put(" CYCLE "), names(table.cycle->columns);
  put(" SET "), identifier(table.cycle->mark_column);
  if (table.cycle->mark_value != nullptr) {
    // The grammar takes typed literals here, so a cast needs parentheses only when it is not one; a literal never does.
    auto constant = [&](const Expression& e) {
      const auto* typed = e.as<Cast>();
      if (typed == nullptr) return expression(e);
      type(*typed->type), put(" "), expression(*typed->operand);
    };
    put(" TO "), constant(*table.cycle->mark_value);
    put(" DEFAULT "), constant(*table.cycle->mark_default);
  }
  put(" USING "), identifier(table.cycle->path_column);
}

// ---------------------------------------------------------------- FROM

void SqlPrinter::from(List<const TableRef*> items) {
  list(items, [&](const TableRef* t) { table_ref(*t); });
}

void SqlPrinter::alias(const TableAlias& a) {
  if (a.name.empty()) return;
  put(" AS "), identifier(a.name);
  if (!a.columns.empty()) put(" ("), words(a.columns), put(")");
}

void SqlPrinter::table_ref(const TableRef& t) {
  if (const auto* named = t.as<NamedTable>()) return named_table(*named);
  if (const auto* function = t.as<FunctionTable>()) return function_table(*function);
  if (const auto* joined = t.as<Join>()) return join(*joined);
  const auto* derived = t.as<SubqueryTable>();
  if (derived->lateral) put("LATERAL ");
  subquery(*derived->query);
  alias(derived->alias);
}

void SqlPrinter::named_table(const NamedTable& t) {
  if (t.only) put("ONLY ");
  name(t.name);
  alias(t.alias);
  if (t.sample == nullptr) return;
  put(" TABLESAMPLE "), name(t.sample->method);
  put("("), expressions(t.sample->arguments), put(")");
  if (t.sample->repeatable != nullptr) put(" REPEATABLE ("), expression(*t.sample->repeatable), put(")");
}

void SqlPrinter::column_types(List<ColumnTypeDefinition> columns) {
  put("(");
  list(columns, [&](const ColumnTypeDefinition& column) {
    identifier(column.name), put(" ");
    type(*column.type);
    if (!column.collation.name.empty()) put(" COLLATE "), name(column.collation);
  });
  put(")");
}

void SqlPrinter::function_table(const FunctionTable& t) {
  if (t.lateral) put("LATERAL ");
  auto call = [&](const Expression& e) {
    // Only CAST(...) may stand here, not ::.
    const auto* converted = e.as<Cast>();
    if (converted == nullptr) return expression(e);
    put("CAST("), expression(*converted->operand), put(" AS ");
    type(*converted->type), put(")");
  };
  if (t.rows_from) {
    put("ROWS FROM (");
    list(t.functions, [&](const TableFunction& function) {
      call(*function.call);
      if (!function.columns.empty()) put(" AS "), column_types(function.columns);
    });
    put(")");
  } else {
    call(*t.functions[0].call);
  }
  if (t.with_ordinality) put(" WITH ORDINALITY");
  alias(t.alias);
  if (t.columns.empty()) return;
  put(t.alias.name.empty() ? " AS " : " ");
  column_types(t.columns);
}

void SqlPrinter::join(const Join& j) {
  static constexpr std::string_view kNames[] = {"JOIN ", "LEFT JOIN ", "RIGHT JOIN ", "FULL JOIN ", "CROSS JOIN "};
  bool parentheses = !j.alias.name.empty();
  if (parentheses) put("(");
  table_ref(*j.left);
  put(j.natural ? " NATURAL " : " ");
  put(kNames[static_cast<std::size_t>(j.join)]);
  const auto* right = j.right->as<Join>();
  bool nested = right != nullptr && right->alias.name.empty();
  if (nested) put("(");
  table_ref(*j.right);
  if (nested) put(")");
  if (j.on != nullptr) put(" ON "), expression(*j.on);
  if (!j.using_columns.empty()) put(" USING ("), names(j.using_columns), put(")");
  if (!j.using_alias.empty()) put(" AS "), identifier(j.using_alias);
  if (parentheses) put(")"), alias(j.alias);
}

}  // namespace ldb::sql
