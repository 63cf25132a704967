// Patterns to steps.
#include <algorithm>

#include "sql/expr/regex.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kMaxSteps = 20'000;
constexpr int kMaxDepth = 200;
constexpr int kMaxCount = 255;  // of {m,n}, as in PostgreSQL
constexpr char32_t kLastCharacter = 0x10ffff;

Status bad(const std::string& what) { return invalid("2201B", "invalid regular expression: " + what); }

}  // namespace

/// Reads a pattern into a tree, then lays the tree out as steps, the last one first.
class RegexCompiler {
 public:
  RegexCompiler(std::string_view pattern, RegexOptions options, Regex& out) : p_(pattern), out_(out) { out_.options_ = options; }

  Status run() {
    LDB_TRY(read_director());
    LDB_ASSIGN_OR_RETURN(const std::uint32_t root, out_.options_.literal ? plain_text() : alternatives(0));
    if (at_ < p_.size()) return bad("parentheses () not balanced");
    const std::uint32_t match = step({Regex::Op::kMatch, 0, 0, 0});
    LDB_ASSIGN_OR_RETURN(out_.start_, lay_out(root, match));
    return {};
  }

 private:
  enum class Kind : std::uint8_t { kEmpty, kSet, kAssert, kSequence, kChoice, kRepeat };
  struct Node {
    Kind kind = Kind::kEmpty;
    Regex::Op op = Regex::Op::kEmpty;  // kAssert
    std::uint32_t set = 0;             // kSet
    int least = 0, most = 0;           // kRepeat; most < 0: no bound
    std::vector<std::uint32_t> children;
  };
  using Op = Regex::Op;

  bool more() const { return at_ < p_.size(); }
  char peek() const { return p_[at_]; }
  bool take(std::string_view text) {
    if (!p_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  std::uint32_t node(Node n) {
    nodes_.push_back(std::move(n));
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  std::uint32_t assertion(Op op) { return node({Kind::kAssert, op, 0, 0, 0, {}}); }
  std::uint32_t set_node(Regex::Set set) {
    if (set.negated && out_.options_.newline_stops) set.ranges.push_back({'\n', '\n'});
    if (out_.options_.ignore_case) add_cases(set.ranges);
    out_.sets_.push_back(std::move(set));
    return node({Kind::kSet, Op::kSet, static_cast<std::uint32_t>(out_.sets_.size() - 1), 0, 0, {}});
  }
  std::uint32_t character(char32_t c) { return set_node({{{c, c}}, false}); }

  static void add_cases(std::vector<Regex::Range>& ranges) {
    const std::size_t count = ranges.size();
    for (std::size_t i = 0; i < count; ++i) {
      const Regex::Range range = ranges[i];
      constexpr char32_t kWidest = 4096;  // a longer range has both cases of nearly everything in it
      if (range.last - range.first > kWidest) continue;
      for (char32_t c = range.first; c <= range.last; ++c) {
        for (const char32_t other : {to_lower(c), to_upper(c)}) {
          if (other != c) ranges.push_back({other, other});
        }
      }
    }
  }

  /// ***: and ***= in front of everything, then (?options).
  Status read_director() {
    if (take("***=")) out_.options_.literal = true;
    if (out_.options_.literal || (!take("***:") && p_.starts_with("***"))) {
      return out_.options_.literal ? Status() : bad("quantifier operand invalid");
    }
    if (!p_.substr(at_).starts_with("(?") || at_ + 2 >= p_.size() || !is_alphanumeric(static_cast<unsigned char>(p_[at_ + 2]))) {
      return {};
    }
    const std::size_t end = p_.find(')', at_);
    if (end == p_.npos) return bad("parentheses () not balanced");
    const Status read = read_regex_options(p_.substr(at_ + 2, end - at_ - 2), out_.options_);
    if (!read) return read.sqlstate() == "22023" ? bad("invalid embedded option") : read;
    at_ = end + 1;
    return {};
  }

  Result<std::uint32_t> plain_text() {
    Node all{Kind::kSequence, Op::kEmpty, 0, 0, 0, {}};
    while (more()) all.children.push_back(character(next_character()));
    return node(std::move(all));
  }

  char32_t next_character() {
    const char32_t c = utf8_decode(p_.substr(at_));
    at_ += utf8_size(p_.substr(at_));
    return c;
  }

  Result<std::uint32_t> alternatives(int depth) {
    if (depth > kMaxDepth) return bad("regular expression is too complex");
    Node choice{Kind::kChoice, Op::kEmpty, 0, 0, 0, {}};
    do {
      Node sequence{Kind::kSequence, Op::kEmpty, 0, 0, 0, {}};
      while (more() && peek() != '|' && peek() != ')') {
        LDB_ASSIGN_OR_RETURN(const std::uint32_t part, quantified(depth));
        sequence.children.push_back(part);
      }
      choice.children.push_back(node(std::move(sequence)));
    } while (take("|"));
    return choice.children.size() == 1 ? choice.children[0] : node(std::move(choice));
  }

  Result<std::uint32_t> quantified(int depth) {
    LDB_ASSIGN_OR_RETURN(const std::uint32_t operand, atom(depth));
    int least = 0;
    int most = -1;
    LDB_ASSIGN_OR_RETURN(const bool has, quantifier(least, most));
    if (!has) return operand;
    take("?");  // shortest first: the same texts match
    int again = 0;
    LDB_ASSIGN_OR_RETURN(const bool twice, quantifier(again, again));
    if (twice) return bad("quantifier operand invalid");
    if (nodes_[operand].kind == Kind::kAssert) return bad("quantifier operand invalid");
    return node({Kind::kRepeat, Op::kEmpty, 0, least, most, {operand}});
  }

  Result<bool> quantifier(int& least, int& most) {
    if (!more()) return false;
    if (take("*")) {
      least = 0, most = -1;
    } else if (take("+")) {
      least = 1, most = -1;
    } else if (take("?")) {
      least = 0, most = 1;
    } else if (peek() == '{' && at_ + 1 < p_.size() && p_[at_ + 1] >= '0' && p_[at_ + 1] <= '9') {
      ++at_;
      LDB_ASSIGN_OR_RETURN(least, count());
      most = least;
      if (take(",")) {
        most = -1;
        if (more() && peek() != '}') {
          LDB_ASSIGN_OR_RETURN(most, count());
          if (most < least) return bad("invalid repetition count(s)");
        }
      }
      if (!take("}")) return bad(more() ? "invalid repetition count(s)" : "braces {} not balanced");
    } else {
      return false;
    }
    return true;
  }

  Result<int> count() {
    int n = 0;
    const std::size_t from = at_;
    for (; more() && peek() >= '0' && peek() <= '9'; ++at_) {
      n = n * 10 + (peek() - '0');
      if (n > kMaxCount) return bad("invalid repetition count(s)");
    }
    if (at_ == from) return bad("invalid repetition count(s)");
    return n;
  }

  Result<std::uint32_t> atom(int depth) {
    if (take("(")) {
      if (take("?:")) {
      } else if (take("?=") || take("?!") || take("?<=") || take("?<!")) {
        return unsupported("look-around in regular expressions is not supported");
      } else if (more() && peek() == '?') {
        return bad("quantifier operand invalid");
      }
      LDB_ASSIGN_OR_RETURN(const std::uint32_t inside, alternatives(depth + 1));
      if (!take(")")) return bad("parentheses () not balanced");
      return node({Kind::kSequence, Op::kEmpty, 0, 0, 0, {inside}});
    }
    if (take("[")) return brackets();
    if (take(".")) return set_node({{}, true});
    if (take("^")) return assertion(Op::kLineStart);
    if (take("$")) return assertion(Op::kLineEnd);
    if (take("\\")) return escape();
    const bool digit_follows = at_ + 1 < p_.size() && p_[at_ + 1] >= '0' && p_[at_ + 1] <= '9';
    if (peek() == '*' || peek() == '+' || peek() == '?' || (peek() == '{' && digit_follows))
      return bad("quantifier operand invalid");
    return character(next_character());
  }

  Result<std::uint32_t> escape() {
    if (!more()) return bad("invalid escape \\ sequence");
    switch (peek()) {
      case 'A':
        return ++at_, assertion(Op::kTextStart);
      case 'Z':
        return ++at_, assertion(Op::kTextEnd);
      case 'm':
        return ++at_, assertion(Op::kWordStart);
      case 'M':
        return ++at_, assertion(Op::kWordEnd);
      case 'y':
        return ++at_, assertion(Op::kWordEdge);
      case 'Y':
        return ++at_, assertion(Op::kNoWordEdge);
      default:
        break;
    }
    if (peek() >= '1' && peek() <= '9') return unsupported("back references in regular expressions are not supported");
    Regex::Set set;
    if (class_escape(set)) return set_node(std::move(set));
    LDB_ASSIGN_OR_RETURN(const char32_t c, character_escape());
    return character(c);
  }

  /// \d \s \w and their opposites.
  bool class_escape(Regex::Set& set) {
    if (!more() || std::string_view("dswDSW").find(peek()) == std::string_view::npos) return false;
    const char c = p_[at_++];
    set.negated = c < 'a';
    add_class(static_cast<char>(c | 0x20) == 'd' ? "digit" : static_cast<char>(c | 0x20) == 's' ? "space" : "word", set.ranges);
    return true;
  }

  Result<char32_t> character_escape() {
    const char c = peek();
    if (!is_alphanumeric(static_cast<unsigned char>(c)) || (static_cast<unsigned char>(c) & 0x80) != 0) return next_character();
    ++at_;
    constexpr std::string_view kNames = "abefnrtv0B";
    constexpr char kValues[] = {'\a', '\b', 27, '\f', '\n', '\r', '\t', '\v', 0, '\\'};
    if (const std::size_t found = kNames.find(c); found != kNames.npos) return static_cast<char32_t>(kValues[found]);
    const std::size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : c == 'x' ? 8 : 0;
    char32_t value = 0;
    std::size_t read = 0;
    for (; read < digits && more(); ++read, ++at_) {
      const char d = peek();
      const int v = d >= '0' && d <= '9' ? d - '0' : (d | 0x20) >= 'a' && (d | 0x20) <= 'f' ? (d | 0x20) - 'a' + 10 : -1;
      if (v < 0) break;
      value = (value & 0x0fffffff) * 16 + static_cast<char32_t>(v);
    }
    if (digits == 0 || read == 0 || (c != 'x' && read < digits) || value > kLastCharacter)
      return bad("invalid escape \\ sequence");
    return value;
  }

  static bool add_class(std::string_view name, std::vector<Regex::Range>& ranges) {
    const auto add_tested = [&](auto test) {
      for (char32_t c = 0; c <= 0xffff; ++c) {
        if (!test(c)) continue;
        char32_t last = c;
        while (last < 0xffff && test(last + 1)) ++last;
        ranges.push_back({c, last});
        c = last;
      }
      return true;
    };
    const auto add = [&](std::initializer_list<Regex::Range> some) { return ranges.insert(ranges.end(), some), true; };
    if (name == "digit") return add({{'0', '9'}});
    if (name == "space") return add({{'\t', '\r'}, {' ', ' '}});
    if (name == "blank") return add({{'\t', '\t'}, {' ', ' '}});
    if (name == "xdigit") return add({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
    if (name == "cntrl") return add({{0, 31}, {127, 127}});
    if (name == "print") return add({{32, 126}, {0xa0, kLastCharacter}});
    if (name == "graph") return add({{33, 126}, {0xa1, kLastCharacter}});
    if (name == "punct") return add({{33, 47}, {58, 64}, {91, 96}, {123, 126}});
    if (name == "word") return add_tested(Regex::is_word);
    if (name == "alnum") return add_tested([](char32_t c) { return is_alphanumeric(c); });
    if (name == "alpha") return add_tested([](char32_t c) { return is_alphanumeric(c) && !(c >= '0' && c <= '9'); });
    if (name == "upper") return add_tested([](char32_t c) { return to_lower(c) != c; });
    if (name == "lower") return add_tested([](char32_t c) { return to_upper(c) != c; });
    return false;
  }

  /// All characters that are in none of the ranges.
  static std::vector<Regex::Range> others(std::vector<Regex::Range> ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const Regex::Range& a, const Regex::Range& b) { return a.first < b.first; });
    std::vector<Regex::Range> gaps;
    char32_t next = 0;
    for (const Regex::Range& range : ranges) {
      if (range.first > next) gaps.push_back({next, range.first - 1});
      next = std::max<char32_t>(next, range.last + 1);
    }
    gaps.push_back({next, kLastCharacter});
    return gaps;
  }

  Result<std::uint32_t> brackets() {
    Regex::Set set;
    set.negated = take("^");
    bool first = true;
    for (;; first = false) {
      if (!more()) return bad("brackets [] not balanced");
      if (peek() == ']' && !first) {
        ++at_;
        return set_node(std::move(set));
      }
      if (take("[:")) {
        const std::size_t end = p_.find(":]", at_);
        if (end == p_.npos) return bad("brackets [] not balanced");
        if (!add_class(p_.substr(at_, end - at_), set.ranges)) return bad("invalid character class");
        at_ = end + 2;
        continue;
      }
      if (p_.substr(at_).starts_with("[.") || p_.substr(at_).starts_with("[=")) {
        return unsupported("collating elements in regular expressions are not supported");
      }
      Regex::Set inner;
      if (p_.substr(at_).starts_with("\\") && at_ + 1 < p_.size()) {
        ++at_;
        if (class_escape(inner)) {
          if (inner.negated) inner.ranges = others(std::move(inner.ranges));
          set.ranges.insert(set.ranges.end(), inner.ranges.begin(), inner.ranges.end());
          continue;
        }
        --at_;
      }
      LDB_ASSIGN_OR_RETURN(const char32_t low, bracket_character());
      char32_t high = low;
      if (p_.substr(at_).starts_with("-") && at_ + 1 < p_.size() && p_[at_ + 1] != ']') {
        ++at_;
        LDB_ASSIGN_OR_RETURN(high, bracket_character());
        if (high < low) return bad("invalid character range");
      }
      set.ranges.push_back({low, high});
    }
  }

  Result<char32_t> bracket_character() {
    if (!more()) return bad("brackets [] not balanced");
    if (!take("\\")) return next_character();
    if (!more()) return bad("invalid escape \\ sequence");
    return character_escape();
  }

  std::uint32_t step(Regex::Step s) {
    out_.steps_.push_back(s);
    return static_cast<std::uint32_t>(out_.steps_.size() - 1);
  }

  /// Steps that match the node and go on at `next`; returns the first.
  Result<std::uint32_t> lay_out(std::uint32_t index, std::uint32_t next) {
    if (out_.steps_.size() > kMaxSteps) return bad("regular expression is too complex");
    const Node n = nodes_[index];
    switch (n.kind) {
      case Kind::kEmpty:
        return next;
      case Kind::kSet:
        return step({Op::kSet, next, 0, n.set});
      case Kind::kAssert:
        return step({n.op, next, 0, 0});
      case Kind::kSequence:
        for (auto child = n.children.rbegin(); child != n.children.rend(); ++child) {
          LDB_ASSIGN_OR_RETURN(next, lay_out(*child, next));
        }
        return next;
      case Kind::kChoice: {
        LDB_ASSIGN_OR_RETURN(std::uint32_t first, lay_out(n.children.back(), next));
        for (std::size_t i = n.children.size() - 1; i-- > 0;) {
          LDB_ASSIGN_OR_RETURN(const std::uint32_t other, lay_out(n.children[i], next));
          first = step({Op::kSplit, other, first, 0});
        }
        return first;
      }
      case Kind::kRepeat:
        return repeat(n, next);
    }
    return next;
  }

  Result<std::uint32_t> repeat(const Node& n, std::uint32_t next) {
    const std::uint32_t operand = n.children[0];
    if (n.most < 0) {
      const std::uint32_t loop = step({Op::kSplit, next, next, 0});
      LDB_ASSIGN_OR_RETURN(const std::uint32_t body, lay_out(operand, loop));
      out_.steps_[loop].other = body;
      next = loop;
    }
    for (int i = n.least; i < n.most; ++i) {
      LDB_ASSIGN_OR_RETURN(const std::uint32_t body, lay_out(operand, next));
      next = step({Op::kSplit, body, next, 0});
      if (out_.steps_.size() > kMaxSteps) return bad("regular expression is too complex");
    }
    for (int i = 0; i < n.least; ++i) {
      LDB_ASSIGN_OR_RETURN(next, lay_out(operand, next));
    }
    return next;
  }

  std::string_view p_;
  std::size_t at_ = 0;
  Regex& out_;
  std::vector<Node> nodes_;
};

Result<Regex> Regex::compile(std::string_view pattern, RegexOptions options) {
  Regex regex;
  LDB_TRY(RegexCompiler(pattern, options, regex).run());
  for (Set& set : regex.sets_) {
    std::sort(set.ranges.begin(), set.ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  }
  return regex;
}

}  // namespace ldb::sql
