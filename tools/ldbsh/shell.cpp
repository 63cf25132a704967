#include "shell.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/rt/rt.hpp"
#include "line_editor.hpp"
#include "sql/parse/parser.hpp"

namespace ldbsh {
namespace {

constexpr int kMaxIncludeDepth = 16;
constexpr std::size_t kShownStatementBytes = 200;

/// Bytes of white space and comments at the start of `text`; comments that do not end swallow the rest.
std::size_t blank_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (static_cast<unsigned char>(text[i]) <= ' ') {
      ++i;
    } else if (text.substr(i, 2) == "--") {
      const std::size_t end = text.find('\n', i);
      i = end == std::string_view::npos ? text.size() : end + 1;
    } else if (text.substr(i, 2) == "/*") {
      int depth = 1;
      for (i += 2; i < text.size() && depth > 0;) {
        if (text.substr(i, 2) == "/*") {
          ++depth, i += 2;
        } else if (text.substr(i, 2) == "*/") {
          --depth, i += 2;
        } else {
          ++i;
        }
      }
    } else {
      break;
    }
  }
  return i;
}

}  // namespace

Shell::Shell(ldb::Node& node, std::ostream& out, std::ostream& err, PrintOptions print, bool keep_going)
    : node_(node), out_(out), err_(err), print_(std::move(print)), keep_going_(keep_going) {}

bool Shell::connect(const std::string& database) {
  ldb::SessionOptions options;
  options.database = database;
  ldb::Result<ldb::Session> session = node_.session(options);
  if (!session) return report(session.error(), "", {});
  session_.emplace(std::move(session).value());
  return true;
}

void Shell::advance(Position& position, std::size_t bytes) const {
  for (const char c : position.rest.substr(0, bytes)) position.source.line += c == '\n' ? 1 : 0;
  position.rest.remove_prefix(bytes);
}

void Shell::skip_blanks(Position& position) const { advance(position, blank_prefix(position.rest)); }

bool Shell::run_text(std::string_view text, Source source) {
  Position position{text, std::move(source)};
  for (skip_blanks(position); !position.rest.empty() && !quit_; skip_blanks(position)) {
    bool go_on = true;
    if (position.rest.front() == '\\') {
      const std::size_t size = std::min(position.rest.find('\n'), position.rest.size());
      go_on = run_meta(position.rest.substr(0, size), position.source);
      advance(position, size);
    } else {
      const std::size_t size = ldb::sql::find_statement_end(position.rest).value_or(position.rest.size());
      go_on = run_statement(position.rest.substr(0, size), position.source);
      advance(position, size);
    }
    if (!go_on && !keep_going_) return false;
  }
  return !quit_;
}

bool Shell::run_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  if (!file || !(contents << file.rdbuf())) {
    if (file && file.peek() == std::ifstream::traits_type::eof()) return true;  // an empty file
    return report(ldb::Status(ldb::StatusCode::kIoError, path + ": cannot read the file"), "", {});
  }
  if (include_depth_ >= kMaxIncludeDepth) {
    return report(ldb::Status(ldb::StatusCode::kInvalidArgument, path + ": files include each other more than 16 deep"), "", {});
  }
  ++include_depth_;
  const bool go_on = run_text(contents.str(), {path, 1});
  --include_depth_;
  return go_on;
}

bool Shell::run_statement(std::string_view statement, const Source& source) {
  if (ldb::sql::is_blank(statement)) return true;
  const std::int64_t start = ldb::rt::monotonic_ns();
  const ldb::Status status =
      session_->execute_script(statement, [this](const ldb::ResultSet& result) { print_result(out_, result, print_); });
  if (!status) return report(status, statement, source);
  if (timing_) out_ << "Time: " << static_cast<double>(ldb::rt::monotonic_ns() - start) / 1e6 << " ms\n";
  return true;
}

/// Prints "file:line: ERROR sqlstate: message" and the statement. Always false.
bool Shell::report(const ldb::Status& status, std::string_view statement, const Source& source) {
  ++failures_;
  out_.flush();
  std::size_t line = source.line;
  if (status.position() > 0) {
    for (const char c : statement.substr(0, std::min(status.position() - 1, statement.size()))) line += c == '\n' ? 1 : 0;
  }
  if (!source.name.empty()) err_ << source.name << ':' << line << ": ";
  err_ << "ERROR " << status.sqlstate() << ": " << status.message() << '\n';
  if (!status.detail().empty()) err_ << "DETAIL: " << status.detail() << '\n';
  if (!statement.empty()) {
    err_ << "STATEMENT: " << statement.substr(0, kShownStatementBytes) << (statement.size() > kShownStatementBytes ? " ..." : "")
         << '\n';
  }
  return false;
}

std::string Shell::prompt(bool continued) const {
  const char* const state = session_->transaction_state() == ldb::TransactionState::kIdle     ? ""
                            : session_->transaction_state() == ldb::TransactionState::kActive ? "*"
                                                                                              : "!";
  return session_->database() + (continued ? "-" : "=") + state + "> ";
}

void Shell::run_prompt(bool interactive) {
  const char* const home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): one thread
  LineEditor editor(interactive, home != nullptr ? std::string(home) + "/.ldbsh_history" : "");
  if (interactive) out_ << "ldbsh " << ldb::version() << " - \\? for help, \\q to quit\n";
  std::string pending;
  const bool was_keep_going = keep_going_;
  keep_going_ = interactive || was_keep_going;
  std::size_t line_number = 0;
  std::size_t pending_line = 1;
  while (!quit_) {
    out_.flush();
    std::optional<std::string> line = editor.read(prompt(!pending.empty()));
    if (!line) break;
    ++line_number;
    if (pending.empty()) pending_line = line_number;
    pending += *line + "\n";
    const std::size_t blanks = blank_prefix(pending);
    const bool meta = blanks < pending.size() && pending[blanks] == '\\';
    if (!meta && blanks < pending.size() && !ldb::sql::find_statement_end(pending)) continue;
    std::string statement = pending;
    statement.pop_back();
    editor.remember(statement);
    pending.clear();
    if (!run_text(statement, {interactive ? "" : "stdin", pending_line}) && !keep_going_) break;
  }
  if (!pending.empty() && !quit_ && !interactive) run_text(pending, {"stdin", pending_line});
  keep_going_ = was_keep_going;
  if (interactive) out_ << '\n';
}

}  // namespace ldbsh
