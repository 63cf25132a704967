// Functions on TEXT: lengths, cases, parts, padding, searching, joining. Positions and lengths count characters.
#include <algorithm>

#include "sql/expr/kernels.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/text_io.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

using std::string_view;

std::int32_t characters(string_view s) { return static_cast<std::int32_t>(utf8_length(s)); }

bool is_ascii(string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

string_view without_trailing_blanks(string_view s) {
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

/// Characters [from, from + count), 0-based, cut to what there is.
string_view slice(string_view s, std::int64_t from, std::int64_t count) {
  if (count <= 0) return {};
  const auto size = static_cast<std::int64_t>(s.size());
  if (is_ascii(s))
    return from >= size ? string_view()
                        : s.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(std::min(count, size)));
  s.remove_prefix(utf8_prefix(s, static_cast<std::size_t>(from)));
  return s.substr(0, utf8_prefix(s, static_cast<std::size_t>(count)));
}

/// substring(s, start, length) with 1-based start that may be in front of the text.
Result<string_view> substring(string_view s, std::int32_t start, std::int32_t length) {
  const std::int64_t end = std::int64_t{start} + length;
  if (length < 0) return invalid("22011", "negative substring length not allowed");
  const std::int64_t from = std::max<std::int64_t>(start, 1);
  return slice(s, from - 1, end - from);
}
string_view substring_from(string_view s, std::int32_t start) {
  return slice(s, std::max<std::int64_t>(start, 1) - 1, INT32_MAX);
}

string_view left(string_view s, std::int32_t n) {
  if (n >= 0) return slice(s, 0, n);
  return slice(s, 0, std::int64_t{characters(s)} + n);
}
string_view right(string_view s, std::int32_t n) {
  const std::int64_t total = characters(s);
  const std::int64_t skip = n >= 0 ? std::max<std::int64_t>(total - n, 0) : -std::int64_t{n};
  return slice(s, skip, total);
}

/// Whether the character at the front of `s` is one of `set`.
bool contains_character(string_view set, string_view character) {
  for (std::size_t i = 0; i < set.size(); i += utf8_size(set.substr(i))) {
    if (set.substr(i, utf8_size(set.substr(i))) == character) return true;
  }
  return false;
}

string_view trim_left(string_view s, string_view set) {
  while (!s.empty()) {
    const std::size_t n = utf8_size(s);
    if (!contains_character(set, s.substr(0, n))) break;
    s.remove_prefix(n);
  }
  return s;
}
string_view trim_right(string_view s, string_view set) {
  while (!s.empty()) {
    std::size_t n = 1;
    while (n < s.size() && n < 4 && (static_cast<unsigned char>(s[s.size() - n]) & 0xc0) == 0x80) ++n;
    if (!contains_character(set, s.substr(s.size() - n))) break;
    s.remove_suffix(n);
  }
  return s;
}

Result<std::string> pad(ValueRoom room, string_view s, std::int32_t length, string_view fill, bool on_left) {
  const std::int64_t wanted = std::max(length, 0);
  const std::int64_t have = characters(s);
  if (have >= wanted) return std::string(slice(s, 0, wanted));
  if (fill.empty()) return std::string(s);
  const std::size_t widest = is_ascii(fill) ? 1 : 4;
  LDB_TRY(room.check(s.size() + static_cast<std::size_t>(wanted - have) * widest));
  std::string padding;
  const std::int64_t missing = wanted - have;
  for (std::int64_t n = 0; n < missing;) {
    for (std::size_t i = 0; i < fill.size() && n < missing; ++n) {
      const std::size_t size = utf8_size(fill.substr(i));
      padding.append(fill.substr(i, size));
      i += size;
    }
  }
  return on_left ? padding.append(s) : std::string(s).append(padding);
}

Result<std::string> repeat(ValueRoom room, string_view s, std::int32_t n) {
  if (n <= 0 || s.empty()) return std::string();
  LDB_TRY(room.check(s.size() * static_cast<std::size_t>(n)));
  std::string out;
  out.reserve(s.size() * static_cast<std::size_t>(n));
  for (; n > 0; --n) out.append(s);
  return out;
}

Result<std::string> replace(ValueRoom room, string_view s, string_view from, string_view to) {
  if (from.empty()) return std::string(s);
  std::string out;
  for (;;) {
    const std::size_t at = s.find(from);
    out.append(s.substr(0, at));
    if (at == s.npos) return out;
    LDB_TRY(room.check(out.size() + to.size() + s.size() - at));
    out.append(to);
    s.remove_prefix(at + from.size());
  }
}

std::string reverse(string_view s) {
  std::string out(s.size(), '\0');
  std::size_t end = s.size();
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_size(s.substr(i));
    end -= n;
    std::copy_n(s.data() + i, n, out.data() + end);
    i += n;
  }
  return out;
}

std::int32_t position(string_view s, string_view part) {
  const std::size_t at = s.find(part);
  return at == s.npos ? 0 : characters(s.substr(0, at)) + 1;
}

Result<string_view> split_part(string_view s, string_view mark, std::int32_t n) {
  if (n == 0) return invalid("22023", "field position must not be zero");
  if (s.empty()) return string_view();
  if (mark.empty()) return n == 1 || n == -1 ? s : string_view();
  if (n < 0) {
    std::int64_t fields = 1;
    for (std::size_t at = s.find(mark); at != s.npos; at = s.find(mark, at + mark.size())) ++fields;
    if (fields + n < 0) return string_view();
    n = static_cast<std::int32_t>(fields + n + 1);
  }
  for (; n > 1; --n) {
    const std::size_t at = s.find(mark);
    if (at == s.npos) return string_view();
    s.remove_prefix(at + mark.size());
  }
  return s.substr(0, s.find(mark));
}

std::string capitalize(string_view s) {
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_size(s.substr(i));
    const char32_t c = utf8_decode(s.substr(i));
    if (n == 1 && c >= 0x80) {
      out += s[i];  // not UTF-8
    } else {
      char encoded[4];
      out.append(encoded, utf8_encode(inside ? to_lower(c) : to_upper(c), encoded));
    }
    inside = is_alphanumeric(c);
    i += n;
  }
  return out;
}

std::string translate(string_view s, string_view from, string_view to) {
  std::string out;
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_size(s.substr(i));
    const string_view character = s.substr(i, n);
    i += n;
    std::size_t f = 0;
    std::size_t t = 0;
    bool found = false;
    for (; f < from.size(); f += utf8_size(from.substr(f))) {
      found = from.substr(f, utf8_size(from.substr(f))) == character;
      if (found) break;
      if (t < to.size()) t += utf8_size(to.substr(t));
    }
    if (!found) {
      out.append(character);
    } else if (t < to.size()) {
      out.append(to.substr(t, utf8_size(to.substr(t))));
    }
  }
  return out;
}

Result<std::string> character_of(std::int32_t code) {
  const auto refuse = [](std::string message) { return Status::sql(StatusCode::kInvalidArgument, "54000", std::move(message)); };
  if (code < 0) return invalid("22023", "character number must be positive");
  if (code == 0) return refuse("null character not permitted");
  if (code > 0x10ffff) return refuse("requested character too large for encoding: " + std::to_string(code));
  if (code >= 0xd800 && code < 0xe000) return refuse("requested character not valid for encoding: " + std::to_string(code));
  char encoded[4];
  return std::string(encoded, utf8_encode(static_cast<char32_t>(code), encoded));
}

Result<std::string> overlay(string_view s, string_view part, std::int32_t start, std::int32_t length) {
  if (start <= 0) return invalid("22011", "negative substring length not allowed");
  std::int32_t after = 0;
  if (__builtin_add_overflow(start, length, &after)) return integer_out_of_range(TypeId::kInteger);
  LDB_ASSIGN_OR_RETURN(const string_view head, substring(s, 1, start - 1));
  return std::string(head).append(part).append(substring_from(s, after));
}

/// LIKE ... ESCAPE e: the pattern rewritten for backslash.
Result<std::string> like_escape(string_view pattern, string_view escape) {
  std::string out;
  if (escape.empty()) {  // no escape character: backslashes are ordinary
    for (const char c : pattern) {
      if (c == '\\') out += c;
      out += c;
    }
    return out;
  }
  if (utf8_size(escape) != escape.size()) {
    return invalid("22025", "invalid escape string").with_detail("Escape string must be empty or one character.");
  }
  if (escape == "\\") return std::string(pattern);
  bool after_escape = false;
  for (std::size_t i = 0; i < pattern.size();) {
    const std::size_t n = utf8_size(pattern.substr(i));
    const string_view c = pattern.substr(i, n);
    i += n;
    if (c == escape && !after_escape) {
      out += '\\';
      after_escape = true;
    } else {
      if (c == "\\" && !after_escape) out += '\\';
      out.append(c);
      after_escape = false;
    }
  }
  return out;
}

std::string text_of(const ColumnVector& v, std::size_t row) { return v.value(row).to_string(); }

/// concat(any, ...): NULLs count as nothing.
Function concat_function() {
  Function f;
  f.name = "concat";
  f.arguments = {TypeId::kNull};
  f.variadic = true;
  f.strict = false;
  f.result = TypeId::kText;
  f.volatility = Volatility::kStable;
  f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      std::string text;
      for (const ColumnVector* v : arguments) {
        if (!v->is_null(row)) text += text_of(*v, row);
        LDB_TRY(ValueRoom{context}.check(out.arena().memory_bytes() + text.size()));
      }
      out.set_string(row, text);
    }
    return {};
  };
  return f;
}

Function concat_with_separator() {
  Function f = concat_function();
  f.name = "concat_ws";
  f.arguments = {TypeId::kText, TypeId::kNull};
  f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      if (arguments[0]->is_null(row)) {
        out.set_null(row);
        continue;
      }
      std::string text;
      bool first = true;
      for (const ColumnVector* v : arguments.subspan(1)) {
        if (v->is_null(row)) continue;
        if (!first) text += arguments[0]->at<string_view>(row);
        first = false;
        text += text_of(*v, row);
        LDB_TRY(ValueRoom{context}.check(out.arena().memory_bytes() + text.size()));
      }
      out.set_string(row, text);
    }
    return {};
  };
  return f;
}

/// The same body for CHAR, whose trailing blanks do not count.
void add_blank_trimmed_length(FunctionRegistry& r, const char* name) {
  Function f = make_kernel(name, [](string_view s) { return characters(without_trailing_blanks(s)); });
  f.arguments = {TypeId::kChar};
  r.add(std::move(f));
}

void register_parts(FunctionRegistry& r) {
  for (const char* name : {"substring", "substr"}) {
    add_function(r, name, substring);
    add_function(r, name, substring_from);
    add_function(r, name, [](BytesView s, std::int32_t start, std::int32_t length) -> Result<BytesView> {
      if (length < 0) return invalid("22011", "negative substring length not allowed");
      const std::int64_t from = std::max<std::int64_t>(start, 1);
      const std::int64_t count = std::max<std::int64_t>(std::int64_t{start} + length - from, 0);
      return BytesView{static_cast<std::size_t>(from - 1) >= s.data.size()
                           ? string_view()
                           : s.data.substr(static_cast<std::size_t>(from - 1), static_cast<std::size_t>(count))};
    });
    add_function(r, name, [](BytesView s, std::int32_t start) {
      const auto from = static_cast<std::size_t>(std::max<std::int64_t>(start, 1) - 1);
      return BytesView{from >= s.data.size() ? string_view() : s.data.substr(from)};
    });
  }
  add_function(r, "left", left);
  add_function(r, "right", right);
  add_function(r, "split_part", split_part);
  add_function(r, "overlay", overlay);
  add_function(r, "overlay",
               [](string_view s, string_view part, std::int32_t start) { return overlay(s, part, start, characters(part)); });
  add_function(r, "ltrim", trim_left);
  add_function(r, "rtrim", trim_right);
  add_function(r, "btrim", [](string_view s, string_view set) { return trim_right(trim_left(s, set), set); });
  add_function(r, "ltrim", [](string_view s) { return trim_left(s, " "); });
  add_function(r, "rtrim", [](string_view s) { return trim_right(s, " "); });
  add_function(r, "btrim", [](string_view s) { return trim_right(trim_left(s, " "), " "); });
}

}  // namespace

void register_text_functions(FunctionRegistry& r) {
  for (const char* name : {"length", "char_length", "character_length"}) {
    add_function(r, name, characters);
    add_blank_trimmed_length(r, name);
  }
  add_function(r, "length", [](BytesView s) { return static_cast<std::int32_t>(s.data.size()); });
  const auto octets = [](string_view s) { return static_cast<std::int32_t>(s.size()); };
  add_function(r, "octet_length", octets);
  Function padded = make_kernel("octet_length", octets);
  padded.arguments = {TypeId::kChar};
  r.add(std::move(padded));
  add_function(r, "octet_length", [](BytesView s) { return static_cast<std::int32_t>(s.data.size()); });
  add_function(r, "bit_length", [](string_view s) { return static_cast<std::int32_t>(s.size() * 8); });
  add_function(r, "bit_length", [](BytesView s) { return static_cast<std::int32_t>(s.data.size() * 8); });
  add_function(r, "lower", [](string_view s) { return to_lower(s); });
  add_function(r, "upper", [](string_view s) { return to_upper(s); });
  add_function(r, "initcap", capitalize);
  register_parts(r);
  add_function(r, "lpad",
               [](ValueRoom room, string_view s, std::int32_t n, string_view fill) { return pad(room, s, n, fill, true); });
  add_function(r, "rpad",
               [](ValueRoom room, string_view s, std::int32_t n, string_view fill) { return pad(room, s, n, fill, false); });
  add_function(r, "lpad", [](ValueRoom room, string_view s, std::int32_t n) { return pad(room, s, n, " ", true); });
  add_function(r, "rpad", [](ValueRoom room, string_view s, std::int32_t n) { return pad(room, s, n, " ", false); });
  add_function(r, "repeat", repeat);
  add_function(r, "replace", replace);
  add_function(r, "reverse", reverse);
  add_functions(r, {"strpos", "position"}, position);
  add_function(r, "position", [](BytesView s, BytesView part) {
    const std::size_t at = s.data.find(part.data);
    return at == string_view::npos ? 0 : static_cast<std::int32_t>(at) + 1;
  });
  add_function(r, "translate", translate);
  add_function(r, "starts_with", [](string_view s, string_view prefix) { return s.starts_with(prefix); });
  add_operator(r, "^@", [](string_view s, string_view prefix) { return s.starts_with(prefix); });
  add_function(r, "ascii", [](string_view s) { return s.empty() ? 0 : static_cast<std::int32_t>(utf8_decode(s)); });
  add_function(r, "chr", character_of);
  add_function(r, "like_escape", like_escape);
  r.add(concat_function());
  r.add(concat_with_separator());
}

}  // namespace ldb::sql
