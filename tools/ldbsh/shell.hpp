// The shell's state and its loop: text in, statements and backslash commands out.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "ldb/ldb.hpp"
#include "table_printer.hpp"

namespace ldbsh {

/// Where a piece of text came from, for error messages.
struct Source {
  std::string name;      ///< file name, "-c" or "" for the prompt
  std::size_t line = 1;  ///< of the text's first character
};

/// One shell over one node. Single thread. Errors are printed to `err` as they happen and counted in failures().
class Shell {
 public:
  Shell(ldb::Node& node, std::ostream& out, std::ostream& err, PrintOptions print, bool keep_going);

  /// Opens the session; call first.
  bool connect(const std::string& database);
  /// Runs every complete statement and backslash command of `text`. False: stop now (quit, or a failure without keep_going).
  bool run_text(std::string_view text, Source source);
  bool run_file(const std::string& path);
  /// Prompt until the end of input or \q.
  void run_prompt(bool interactive);

  std::size_t failures() const { return failures_; }

 private:
  struct Position {
    std::string_view rest;
    Source source;
  };

  void advance(Position& position, std::size_t bytes) const;
  void skip_blanks(Position& position) const;
  bool run_statement(std::string_view statement, const Source& source);
  bool run_meta(std::string_view line, const Source& source);
  bool report(const ldb::Status& status, std::string_view statement, const Source& source);
  bool query_and_print(const std::string& title, const std::string& sql);
  bool describe(const std::string& table);
  std::string prompt(bool continued) const;

  ldb::Node& node_;
  std::ostream& out_;
  std::ostream& err_;
  PrintOptions print_;
  bool keep_going_;
  bool timing_ = false;
  bool quit_ = false;
  int include_depth_ = 0;
  std::size_t failures_ = 0;
  std::optional<ldb::Session> session_;
};

}  // namespace ldbsh
