// The shell's backslash commands.
#include <algorithm>
#include <iostream>
#include <sstream>
#include <vector>

#include "shell.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldbsh {
namespace {

constexpr const char* kHelp =
    "  \\c [DATABASE]   connect to another database of this node\n"
    "  \\d              list tables; \\d TABLE: its columns, indexes and constraints\n"
    "  \\dt             list tables       \\di  list indexes\n"
    "  \\dn             list schemas      \\l   list databases\n"
    "  \\i FILE         run a file\n"
    "  \\timing [on|off] show how long each statement took\n"
    "  \\q              quit\n";

std::vector<std::string> words_of(std::string_view line) {
  std::istringstream stream{std::string(line)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  // "\c chinook;" is common in scripts; the semicolon is not part of the name.
  if (!words.empty()) {
    while (words.back().size() > 1 && words.back().back() == ';') words.back().pop_back();
    if (words.back() == ";") words.pop_back();
  }
  return words;
}

constexpr const char* kTables =
    "SELECT table_schema AS \"Schema\", table_name AS \"Name\", table_type AS \"Type\" FROM information_schema.tables "
    "WHERE table_schema NOT IN ('information_schema', 'ldb', 'pg_catalog') ORDER BY 1, 2";
constexpr const char* kIndexes =
    "SELECT schema AS \"Schema\", index_name AS \"Name\", table_name AS \"Table\", columns AS \"Columns\", "
    "CASE WHEN is_unique THEN 'unique' ELSE '' END AS \"Unique\" FROM ldb.table_indexes WHERE NOT internal ORDER BY 1, 2";
const std::string kColumns =
    "SELECT column_name AS \"Column\", CASE WHEN character_maximum_length IS NOT NULL THEN data_type || '(' || "
    "character_maximum_length || ')' WHEN data_type = 'numeric' AND numeric_precision IS NOT NULL THEN 'numeric(' || "
    "numeric_precision || ',' || numeric_scale || ')' ELSE data_type END AS \"Type\", CASE is_nullable WHEN 'NO' THEN 'not null' "
    "ELSE '' END AS \"Nullable\", coalesce(column_default, '') AS \"Default\" FROM information_schema.columns";
constexpr const char* kSchemas = "SELECT schema_name AS \"Name\" FROM information_schema.schemata ORDER BY 1";
constexpr const char* kDatabases =
    "SELECT database AS \"Name\", CASE WHEN is_current THEN 'connected' ELSE '' END AS \"Here\" FROM ldb.all_databases ORDER BY "
    "1";

}  // namespace

bool Shell::query_and_print(const std::string& title, const std::string& sql) {
  ldb::Result<ldb::ResultSet> result = session_->execute(sql);
  if (!result) return report(result.error(), sql, {});
  if (!title.empty() && !print_.tuples_only) out_ << title << '\n';
  print_result(out_, *result, print_);
  return true;
}

bool Shell::describe(const std::string& table) {
  const std::size_t dot = table.find('.');
  const std::string schema = dot == std::string::npos ? "public" : table.substr(0, dot);
  const std::string name = dot == std::string::npos ? table : table.substr(dot + 1);
  const std::string where =
      " WHERE table_schema = " + ldb::sql::quote_literal(schema) + " AND table_name = " + ldb::sql::quote_literal(name);
  const std::string ldb_where =
      " WHERE schema = " + ldb::sql::quote_literal(schema) + " AND table_name = " + ldb::sql::quote_literal(name);
  ldb::Result<ldb::ResultSet> columns = session_->execute(kColumns + where + " ORDER BY ordinal_position");
  if (!columns) return report(columns.error(), "", {});
  if (columns->empty()) {
    return report(ldb::Status::sql(ldb::StatusCode::kNotFound, "42P01", "relation \"" + table + "\" does not exist"), "", {});
  }
  out_ << "Table \"" << schema << '.' << name << "\"\n";
  print_result(out_, *columns, print_);
  return query_and_print("Indexes:",
                         "SELECT index_name AS \"Name\", columns AS \"Columns\", CASE WHEN is_unique THEN 'unique' ELSE '' "
                         "END AS \"Unique\" FROM ldb.table_indexes" +
                             ldb_where + " AND NOT internal ORDER BY 1") &&
         query_and_print("Constraints:",
                         "SELECT constraint_name AS \"Name\", definition AS \"Definition\" FROM "
                         "ldb.table_constraints" +
                             ldb_where + " ORDER BY 1");
}

bool Shell::run_meta(std::string_view line, const Source& source) {
  const std::vector<std::string> words = words_of(line);
  const std::string& command = words.front();
  const std::string argument = words.size() > 1 ? words[1] : "";
  if (command == "\\q") {
    quit_ = true;
    return true;
  }
  if (command == "\\?") {
    out_ << kHelp;
    return true;
  }
  if (command == "\\c" || command == "\\connect") {
    if (argument.empty()) {
      out_ << "You are connected to database \"" << session_->database() << "\" of node \"" << node_.id().name << "\".\n";
      return true;
    }
    ldb::SessionOptions options;
    options.database = argument;
    ldb::Result<ldb::Session> session = node_.session(options);
    if (!session) return report(session.error(), line, source);
    session_.emplace(std::move(session).value());
    if (!print_.tuples_only) out_ << "You are now connected to database \"" << argument << "\".\n";
    return true;
  }
  if (command == "\\timing") {
    timing_ = argument.empty() ? !timing_ : argument == "on";
    if (!print_.tuples_only) out_ << "Timing is " << (timing_ ? "on" : "off") << ".\n";
    return true;
  }
  if (command == "\\i" || command == "\\include") {
    if (argument.empty()) return report(ldb::Status(ldb::StatusCode::kInvalidArgument, "\\i needs a file name"), line, source);
    return run_file(argument);
  }
  if (command == "\\d" && !argument.empty()) return describe(argument);
  if (command == "\\d" || command == "\\dt") return query_and_print("", kTables);
  if (command == "\\di") return query_and_print("", kIndexes);
  if (command == "\\dn") return query_and_print("", kSchemas);
  if (command == "\\l") return query_and_print("", kDatabases);
  return report(ldb::Status::sql(ldb::StatusCode::kInvalidArgument, "42601", "unknown command " + command + " (\\? for help)"),
                line, source);
}

}  // namespace ldbsh
