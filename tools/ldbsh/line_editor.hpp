// Reading lines from a terminal, with editing and history (libedit), or from a pipe.
#pragma once

#include <optional>
#include <string>

namespace ldbsh {

class LineEditor {
 public:
  /// `history_file` is read now and written after every line; empty: no history.
  LineEditor(bool interactive, std::string history_file);
  /// The next line without its newline; nothing at the end of input.
  std::optional<std::string> read(const std::string& prompt);
  void remember(const std::string& statement);

 private:
  bool interactive_;
  std::string history_file_;
};

}  // namespace ldbsh
