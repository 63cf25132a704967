#include "sql/slt_runner.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace ldb::test {
namespace {

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

std::string escaped(const Value& value) {
  if (value.is_null()) return "NULL";
  const std::string text = value.to_string();
  if (text.empty()) return "(empty)";
  std::string out;
  for (const char c : text) {
    if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out;
}

std::string normalized(std::string message) {
  std::string out;
  bool quoted = false;
  for (const char c : message) {
    if (c == '"') {
      quoted = !quoted;
      if (quoted) out += "\"..\"";
    } else if (!quoted && c >= '0' && c <= '9') {
      if (out.empty() || out.back() != '#') out += '#';
    } else if (!quoted) {
      out += c;
    }
  }
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class Run {
 public:
  explicit Run(std::string path) : path_(std::move(path)), lines_(read_lines(path_)) {}

  SltReport run() {
    while (at_ < lines_.size()) {
      std::istringstream words(lines_[at_]);
      std::string directive, second, third;
      words >> directive >> second >> third;
      if (directive.empty() || directive[0] == '#') {
        ++at_;
      } else if (directive == "statement") {
        statement(second, third);
      } else if (directive == "query") {
        query(third);
      } else if (directive == "connect") {
        node_.connect(second);
        ++at_;
      } else if (directive == "restart") {
        node_.restart();
        ++at_;
      } else {
        fail(at_ + 1, "", "a known directive", directive, "bad directive " + directive);
        ++at_;
      }
    }
    return std::move(report_);
  }

 private:
  std::string take_sql() {
    std::string sql;
    for (++at_; at_ < lines_.size() && !lines_[at_].empty() && lines_[at_] != "----"; ++at_) sql += lines_[at_] + "\n";
    return sql;
  }

  void fail(std::size_t line, const std::string& sql, std::string expected, std::string got, std::string bucket) {
    report_.failures.push_back({path_, line, sql, std::move(expected), std::move(got), std::move(bucket)});
  }

  void statement(const std::string& expectation, const std::string& sqlstate) {
    const std::size_t line = at_ + 1;
    const std::string sql = take_sql();
    const Status status = node_.run(sql).status();
    if (expectation == "ok") {
      if (status) {
        ++report_.passed;
      } else {
        fail(line, sql, "ok", status.to_string(),
             std::string(status.sqlstate()) + " " + normalized(std::string(status.message())));
      }
      return;
    }
    if (status) {
      fail(line, sql, "error " + sqlstate, "ok", "expected error " + sqlstate + ", was ok");
    } else if (!sqlstate.empty() && status.sqlstate() != sqlstate) {
      fail(line, sql, "error " + sqlstate, std::string(status.sqlstate()) + " " + std::string(status.message()),
           "expected error " + sqlstate + ", was " + std::string(status.sqlstate()) + " " +
               normalized(std::string(status.message())));
    } else {
      ++report_.passed;
    }
  }

  void query(const std::string& sort) {
    const std::size_t line = at_ + 1;
    const std::string sql = take_sql();
    std::vector<std::string> expected;
    if (at_ < lines_.size() && lines_[at_] == "----") {
      for (++at_; at_ < lines_.size() && !lines_[at_].empty(); ++at_) expected.push_back(lines_[at_]);
    }
    const auto result = node_.run(sql);
    if (!result) {
      fail(line, sql, joined(expected), result.status().to_string(),
           std::string(result.status().sqlstate()) + " " + normalized(std::string(result.status().message())));
      return;
    }
    std::vector<std::string> got;
    for (std::size_t row = 0; row < result->size(); ++row) {
      std::string text;
      for (std::size_t column = 0; column < result->columns().size(); ++column) {
        if (column != 0) text += '\t';
        text += escaped(result->at(row, column));
      }
      got.push_back(std::move(text));
    }
    if (sort != "nosort") {
      std::sort(got.begin(), got.end());
      std::sort(expected.begin(), expected.end());
    }
    if (got == expected) {
      ++report_.passed;
    } else {
      fail(line, sql, joined(expected), joined(got), "wrong result");
    }
  }

  std::string path_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  SqlNode node_;
  SltReport report_;
};

}  // namespace

SltReport run_slt_file(const std::string& path) { return Run(path).run(); }

}  // namespace ldb::test
