// SqlPrinter: type names.
#include "sql/parse/sql_printer.hpp"

namespace ldb::sql {

using namespace ast;

void SqlPrinter::type(const TypeName& t) {
  struct Entry {
    std::string_view internal;
    std::string_view sql;
  };
  static constexpr Entry kNames[] = {
      {"int2", "smallint"},           {"int4", "integer"},       {"int8", "bigint"},     {"float4", "real"},
      {"float8", "double precision"}, {"bool", "boolean"},       {"numeric", "numeric"}, {"varchar", "character varying"},
      {"interval", "interval"},       {"varbit", "bit varying"},
  };
  if (t.is_setof) put("SETOF ");
  std::string_view written;
  std::string_view zone;
  for (const Entry& entry : kNames)
    if (entry.internal == t.name) written = entry.sql;
  // CHAR and BIT without a length mean a length of 1; their internal names do not.
  if (t.name == "bpchar") written = t.modifiers.empty() ? "bpchar" : "character";
  if (t.name == "bit" && !t.modifiers.empty()) written = "bit";
  if (t.name == "time" || t.name == "timestamp") written = t.name;
  if (t.name == "timetz" || t.name == "timestamptz") {
    written = t.name == "timetz" ? "time" : "timestamp";
    zone = " with time zone";
  }
  if (!t.schema.empty()) {
    identifier(t.schema), put(".");
    written = {};
    zone = {};
  }
  if (written.empty())
    identifier(t.name);
  else
    put(written);
  if (t.interval_fields != 0) {
    static constexpr std::string_view kFields[] = {"year", "month", "day", "hour", "minute", "second"};
    std::string_view first, last;
    for (int i = 0; i < 6; ++i)
      if ((t.interval_fields & (1 << i)) != 0) (first.empty() ? first : last) = kFields[i];
    put(" "), put(first);
    if (!last.empty()) put(" to "), put(last);
  }
  if (!t.modifiers.empty()) put("("), expressions(t.modifiers), put(")");
  put(zone);
  for (std::int32_t bound : t.array_bounds) put(bound < 0 ? "[]" : "[" + std::to_string(bound) + "]");
}

}  // namespace ldb::sql
