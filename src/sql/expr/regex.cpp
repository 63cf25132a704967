#include "sql/expr/regex.hpp"

#include <algorithm>

#include "sql/types/sql_error.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
Status read_regex_options(std::string_view letters, RegexOptions& options) {
  for (const char c : letters) {
    switch (c) {
      case 'c':
        options.ignore_case = false;
        break;
      case 'i':
        options.ignore_case = true;
        break;
      case 'm':
      case 'n':
        options.newline_stops = options.newline_anchors = true;
        break;
      case 'p':
        options.newline_stops = true;
        options.newline_anchors = false;
        break;
      case 'w':
        options.newline_stops = false;
        options.newline_anchors = true;
        break;
      case 's':
        options.newline_stops = options.newline_anchors = false;
        break;
      case 'q':
        options.literal = true;
        break;
      case 't':
        break;
      case 'b':
      case 'e':
      case 'x':
        return unsupported(std::string("regular expression option \"") + c + "\" is not supported");
      default:
        return invalid("22023", std::string("invalid regular expression option: \"") + c + "\"");
    }
  }
  return {};
}

Result<std::string> similar_to_regex(std::string_view pattern, std::string_view escape) {
  if (!escape.empty() && utf8_size(escape) != escape.size()) {
    return invalid("22025", "invalid escape string").with_detail("Escape string must be empty or one character.");
  }
  std::string out = "^(?:";
  bool in_brackets = false;
  for (std::size_t i = 0; i < pattern.size();) {
    const std::string_view c = pattern.substr(i, utf8_size(pattern.substr(i)));
    i += c.size();
    if (!escape.empty() && c == escape) {
      if (i == pattern.size()) break;  // as PostgreSQL has it, an escape of nothing is nothing
      const std::string_view literal = pattern.substr(i, utf8_size(pattern.substr(i)));
      i += literal.size();
      if (literal == "\"") return unsupported("SIMILAR TO with separators is not supported");
      const bool alphanumeric = literal.size() > 1 || is_alphanumeric(utf8_decode(literal));
      out.append(alphanumeric ? "" : "\\").append(literal);
    } else if (in_brackets) {
      if (c == "\\") out += '\\';
      out.append(c);
      in_brackets = c != "]";
    } else if (c == "[") {
      out += '[';
      in_brackets = true;
      for (const std::string_view first : {"^", "]"}) {  // both are ordinary right behind the bracket, or behind [^
        if (pattern.substr(i, 1) != first) continue;
        out.append(first);
        ++i;
      }
    } else if (c == "%") {
      out += ".*";
    } else if (c == "_") {
      out += '.';
    } else if (c == "(") {
      out += "(?:";
    } else if (c == "\\" || c == "." || c == "^" || c == "$") {
      out.append("\\").append(c);
    } else {
      out.append(c);
    }
  }
  return out + ")$";
}

bool Regex::is_word(char32_t c) { return c == '_' || is_alphanumeric(c); }

bool Regex::Set::contains(char32_t c) const {
  bool inside = false;
  for (const Range& range : ranges) {
    if (range.first > c) break;
    inside = inside || c <= range.last;
  }
  return inside != negated;
}

/// Where in the text a step is about to be taken.
struct Regex::Place {
  bool at_start = false, at_end = false;
  char32_t before = 0, after = 0;  // 0 at the ends
};

bool Regex::holds(Op op, const Place& place) const {
  const bool before = !place.at_start && is_word(place.before);
  const bool after = !place.at_end && is_word(place.after);
  switch (op) {
    case Op::kLineStart:
      return place.at_start || (options_.newline_anchors && place.before == '\n');
    case Op::kLineEnd:
      return place.at_end || (options_.newline_anchors && place.after == '\n');
    case Op::kTextStart:
      return place.at_start;
    case Op::kTextEnd:
      return place.at_end;
    case Op::kWordStart:
      return !before && after;
    case Op::kWordEnd:
      return before && !after;
    case Op::kWordEdge:
      return before != after;
    case Op::kNoWordEdge:
      return before == after;
    default:
      return true;
  }
}

/// Adds to `now` the steps that take a character, or match, which can be reached from `step` without one.
void Regex::follow(std::uint32_t step, const Place& place, std::vector<std::uint32_t>& now, std::vector<std::uint32_t>& seen,
                   std::uint32_t mark, std::vector<std::uint32_t>& open) const {
  open.push_back(step);
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    if (seen[at] == mark) continue;
    seen[at] = mark;
    const Step& s = steps_[at];
    if (s.op == Op::kSet || s.op == Op::kMatch) {
      now.push_back(at);
    } else if (s.op == Op::kSplit) {
      open.push_back(s.other);
      open.push_back(s.next);
    } else if (holds(s.op, place)) {
      open.push_back(s.next);
    }
  }
}

bool Regex::matches(std::string_view text) const {
  std::vector<std::uint32_t> now;
  std::vector<std::uint32_t> after;
  std::vector<std::uint32_t> open;
  std::vector<std::uint32_t> seen(steps_.size(), 0);
  std::uint32_t mark = 0;
  Place place;
  place.at_start = true;
  for (std::size_t at = 0;;) {
    place.at_end = at >= text.size();
    place.after = place.at_end ? 0 : utf8_decode(text.substr(at));
    if (++mark == 0) {  // the marks have been used up
      std::fill(seen.begin(), seen.end(), 0);
      mark = 1;
    }
    now.clear();
    for (const std::uint32_t step : after) follow(step, place, now, seen, mark, open);
    follow(start_, place, now, seen, mark, open);  // a match may begin anywhere
    after.clear();
    for (const std::uint32_t step : now) {
      const Step& s = steps_[step];
      if (s.op == Op::kMatch) return true;
      if (!place.at_end && sets_[s.set].contains(place.after)) after.push_back(s.next);
    }
    if (place.at_end) return false;
    at += utf8_size(text.substr(at));
    place.before = place.after;
    place.at_start = false;
  }
}

}  // namespace ldb::sql
