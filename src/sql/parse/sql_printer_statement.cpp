// SqlPrinter: data changes, which also stand inside WITH.
#include "sql/parse/sql_printer.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {

using namespace ast;

void SqlPrinter::statement(const Statement& s) {
  if (const auto* select = s.as<SelectStatement>()) return query(*select->query);
  if (const auto* insertion = s.as<Insert>()) return insert(*insertion);
  if (const auto* change = s.as<Update>()) return update(*change);
  if (const auto* deletion = s.as<Delete>()) return delete_rows(*deletion);
  if (const auto* merging = s.as<Merge>()) return merge(*merging);
}

void SqlPrinter::target(const TargetTable& t) {
  if (t.only) put("ONLY ");
  name(t.name);
  if (!t.alias.empty()) put(" AS "), identifier(t.alias);
}

void SqlPrinter::overriding(Overriding overriding) {
  if (overriding == Overriding::kUserValue) put(" OVERRIDING USER VALUE");
  if (overriding == Overriding::kSystemValue) put(" OVERRIDING SYSTEM VALUE");
}

void SqlPrinter::returning(List<SelectItem> items) {
  if (!items.empty()) put(" RETURNING "), select_items(items);
}

void SqlPrinter::assignments(List<Assignment> items) {
  list(items, [&](const Assignment& assignment) {
    if (assignment.is_multiple)
      put("("), names(assignment.columns), put(") = ");
    else
      identifier(assignment.columns[0].text), put(" = ");
    expression(*assignment.value);
  });
}

void SqlPrinter::index_element(const IndexElement& e) {
  if (e.expression != nullptr)
    put("("), expression(*e.expression), put(")");
  else
    identifier(e.column);
  if (!e.collation.name.empty()) put(" COLLATE "), name(e.collation);
  if (!e.operator_class.name.empty()) put(" "), name(e.operator_class);
  sort_direction(e.direction, e.nulls);
}

void SqlPrinter::on_conflict(const OnConflict& c) {
  put(" ON CONFLICT");
  if (!c.target.empty()) {
    put(" (");
    list(c.target, [&](const IndexElement& e) { index_element(e); });
    put(")");
    if (c.target_where != nullptr) put(" WHERE "), expression(*c.target_where);
  }
  if (!c.constraint.empty()) put(" ON CONSTRAINT "), identifier(c.constraint);
  if (!c.do_update) return put(" DO NOTHING");
  put(" DO UPDATE SET "), assignments(c.assignments);
  if (c.where != nullptr) put(" WHERE "), expression(*c.where);
}

void SqlPrinter::insert(const Insert& s) {
  if (s.with != nullptr) with(*s.with);
  put("INSERT INTO "), target(s.table);
  if (!s.columns.empty()) put(" ("), names(s.columns), put(")");
  overriding(s.overriding);
  put(" ");
  if (s.default_values)
    put("DEFAULT VALUES");
  else
    query(*s.source);
  if (s.on_conflict != nullptr) on_conflict(*s.on_conflict);
  returning(s.returning);
}

void SqlPrinter::update(const Update& s) {
  if (s.with != nullptr) with(*s.with);
  put("UPDATE "), target(s.table);
  put(" SET "), assignments(s.assignments);
  if (!s.from.empty()) put(" FROM "), from(s.from);
  if (s.where != nullptr) put(" WHERE "), expression(*s.where);
  returning(s.returning);
}

void SqlPrinter::delete_rows(const Delete& s) {
  if (s.with != nullptr) with(*s.with);
  put("DELETE FROM "), target(s.table);
  if (!s.using_tables.empty()) put(" USING "), from(s.using_tables);
  if (s.where != nullptr) put(" WHERE "), expression(*s.where);
  returning(s.returning);
}

void SqlPrinter::merge(const Merge& s) {
  if (s.with != nullptr) with(*s.with);
  put("MERGE INTO "), target(s.table);
  put(" USING "), table_ref(*s.source);
  put(" ON "), expression(*s.on);
  for (const MergeWhen& when : s.whens) merge_when(when);
}

void SqlPrinter::merge_when(const MergeWhen& when) {
  put(when.matched ? " WHEN MATCHED" : " WHEN NOT MATCHED");
  if (when.condition != nullptr) put(" AND "), expression(*when.condition);
  put(" THEN ");
  switch (when.action) {
    case MergeAction::kDoNothing:
      return put("DO NOTHING");
    case MergeAction::kDelete:
      return put("DELETE");
    case MergeAction::kUpdate:
      put("UPDATE SET ");
      return assignments(when.assignments);
    case MergeAction::kInsert:
      break;
  }
  put("INSERT");
  if (when.default_values) return put(" DEFAULT VALUES");
  if (!when.columns.empty()) put(" ("), names(when.columns), put(")");
  overriding(when.overriding);
  put(" VALUES ("), expressions(when.values), put(")");
}

std::string to_sql(const Statement& s) {
  SqlPrinter printer;
  printer.statement(s);
  return printer.take();
}

}  // namespace ldb::sql
