// Regular expressions as PostgreSQL writes them ("advanced" ones), matched in time proportional to pattern times text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/status.hpp"

namespace ldb::sql {

struct RegexOptions {
  bool ignore_case = false;
  bool newline_stops = false;    ///< . and [^...] do not match a newline
  bool newline_anchors = false;  ///< ^ and $ match beside newlines too
  bool literal = false;          ///< the pattern is plain text
};

/// Reads the letters that regexp functions take (c, i, m, n, p, q, s, t, w). 22023 for others.
Status read_regex_options(std::string_view letters, RegexOptions& options);

/// SIMILAR TO's pattern as a regular expression. 22025 for an escape that is not one character.
Result<std::string> similar_to_regex(std::string_view pattern, std::string_view escape);

/// A compiled pattern. It matches by following all ways through the pattern at once (Thompson, 1968), so no text takes
/// exponential time. Immutable: any thread.
///
/// Not there: back references and look-around (0A000), collating elements. 2201B for what is no expression, and for one that
/// comes to more than 20,000 steps.
class Regex {
 public:
  static Result<Regex> compile(std::string_view pattern, RegexOptions options);
  /// Whether some part of `text` (UTF-8) matches.
  bool matches(std::string_view text) const;

  /// A letter, a digit or an underscore.
  static bool is_word(char32_t c);

  struct Range {
    char32_t first = 0;
    char32_t last = 0;
  };
  enum class Op : std::uint8_t {
    kSet,    ///< one character in, or not in, sets[index]
    kSplit,  ///< goes on at next and at other
    kLineStart,
    kLineEnd,
    kTextStart,
    kTextEnd,
    kWordStart,
    kWordEnd,
    kWordEdge,
    kNoWordEdge,
    kEmpty,
    kMatch
  };
  struct Step {
    Op op = Op::kEmpty;
    std::uint32_t next = 0;
    std::uint32_t other = 0;
    std::uint32_t set = 0;
  };
  struct Set {
    std::vector<Range> ranges;
    bool negated = false;
    bool contains(char32_t c) const;
  };

 private:
  friend class RegexCompiler;
  struct Place;
  void follow(std::uint32_t step, const Place& place, std::vector<std::uint32_t>& now, std::vector<std::uint32_t>& seen,
              std::uint32_t mark, std::vector<std::uint32_t>& open) const;
  bool holds(Op op, const Place& place) const;

  RegexOptions options_;
  std::vector<Step> steps_;
  std::vector<Set> sets_;
  std::uint32_t start_ = 0;
};

}  // namespace ldb::sql
