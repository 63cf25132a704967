#include "line_editor.hpp"

#include <editline/readline.h>

#include <cstdlib>
#include <iostream>

namespace ldbsh {
namespace {
constexpr int kHistoryLines = 2000;
}

LineEditor::LineEditor(bool interactive, std::string history_file)
    : interactive_(interactive), history_file_(std::move(history_file)) {
  if (!interactive_) return;
  using_history();
  stifle_history(kHistoryLines);
  if (!history_file_.empty()) read_history(history_file_.c_str());
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  std::string text;
  if (!interactive_) {
    if (!std::getline(std::cin, text)) return std::nullopt;
    return text;
  }
  char* const line = readline(prompt.c_str());
  if (line == nullptr) return std::nullopt;
  text = line;
  std::free(line);  // NOLINT: readline's contract
  return text;
}

void LineEditor::remember(const std::string& statement) {
  if (!interactive_ || statement.empty()) return;
  add_history(statement.c_str());
  if (!history_file_.empty()) write_history(history_file_.c_str());
}

}  // namespace ldbsh
