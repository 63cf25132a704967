#include "sql/slt_runner.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
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

using Rows = std::vector<std::vector<std::string>>;

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells(1);
  for (const char c : row) {
    if (c == '\t') {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

bool alike(const std::string& a, const std::string& b) {
  double x = 0;
  double y = 0;
  const auto read = [](const std::string& text, double& value) {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    return end.ec == std::errc() && end.ptr == text.data() + text.size();
  };
  return read(a, x) && read(b, y) && std::abs(x - y) <= 1e-9 * std::max(std::abs(x), std::abs(y));
}

std::string joined(const Rows& rows) {
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : "\t") + row[i];
    out += '\n';
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
  Run(std::string path, SltTarget& target, const SltOptions& options)
      : path_(std::move(path)), lines_(read_lines(path_)), target_(target), options_(options) {}

  SltReport run() {
    while (at_ < lines_.size()) {
      const std::size_t line = at_ + 1;
      std::istringstream words(lines_[at_]);
      std::string directive, second, third;
      words >> directive >> second >> third;
      if (directive.empty() || directive[0] == '#') {
        ++at_;
        continue;
      }
      if (options_.before) options_.before(line);
      if (directive == "statement") {
        statement(second, third);
      } else if (directive == "query") {
        query(third);
      } else if (directive == "connect") {
        target_.connect(second);
        ++at_;
      } else if (directive == "restart") {
        target_.restart();
        ++at_;
      } else {
        fail(line, "", "a known directive", directive, "bad directive " + directive);
        ++at_;
      }
      if (options_.after) options_.after(report_);
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
    const Status status = target_.run(sql).status();
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
    const auto result = target_.run(sql);
    if (!result) {
      fail(line, sql, joined(expected), result.status().to_string(),
           std::string(result.status().sqlstate()) + " " + normalized(std::string(result.status().message())));
      return;
    }
    Rows got(result->size());
    for (std::size_t row = 0; row < result->size(); ++row) {
      for (std::size_t column = 0; column < result->columns().size(); ++column) {
        got[row].push_back(escaped(result->at(row, column)));
      }
    }
    Rows wanted;
    for (const std::string& row : expected) wanted.push_back(cells_of(row));
    const Rows as_given = got;
    const bool ordered = sort == "nosort";
    if (!ordered) {
      std::sort(got.begin(), got.end());
      std::sort(wanted.begin(), wanted.end());
    }
    if (same(wanted, got, result->columns())) {
      ++report_.passed;
      return;
    }
    std::sort(got.begin(), got.end());
    std::sort(wanted.begin(), wanted.end());
    const bool same_rows = ordered && same(wanted, got, result->columns());
    fail(line, sql, joined(expected), joined(as_given), same_rows ? "rows in another order" : "wrong result");
  }

  bool same(const Rows& wanted, const Rows& got, const std::vector<ColumnInfo>& columns) const {
    if (wanted == got) return true;
    if (!options_.numbers_alike || wanted.size() != got.size()) return false;
    for (std::size_t row = 0; row < got.size(); ++row) {
      if (wanted[row].size() != got[row].size()) return false;
      for (std::size_t i = 0; i < got[row].size(); ++i) {
        const TypeId type = columns[i].type.id;
        const bool number = type == TypeId::kNumeric || type == TypeId::kReal || type == TypeId::kDouble;
        if (wanted[row][i] != got[row][i] && !(number && alike(wanted[row][i], got[row][i]))) return false;
      }
    }
    return true;
  }

  std::string path_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  SltTarget& target_;
  const SltOptions& options_;
  SltReport report_;
};

}  // namespace

SltReport run_slt_file(const std::string& path, SltTarget& target, const SltOptions& options) {
  return Run(path, target, options).run();
}

}  // namespace ldb::test
