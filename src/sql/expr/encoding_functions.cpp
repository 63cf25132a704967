// Encodings, digests, quoting and format().
#include <array>
#include <bit>
#include <cstring>

#include "sql/expr/kernels.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/text_io.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

using std::string_view;

std::string to_hex(string_view bytes) { return format_bytea(bytes).substr(2); }

Result<std::string> from_hex(string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') digits += c;
  }
  return parse_bytea("\\x" + digits);
}

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Lines of 76 characters, as RFC 2045 and PostgreSQL have them.
std::string to_base64(string_view s) {
  std::string out;
  std::size_t line = 0;
  const auto put = [&](char c) {
    out += c;
    ++line;
  };
  for (std::size_t i = 0; i < s.size(); i += 3) {
    if (line == 76) {
      out += '\n';
      line = 0;
    }
    std::uint32_t v = 0;
    const std::size_t n = std::min<std::size_t>(3, s.size() - i);
    for (std::size_t k = 0; k < 3; ++k) v = v << 8 | (k < n ? static_cast<unsigned char>(s[i + k]) : 0);
    put(kBase64[v >> 18]);
    put(kBase64[v >> 12 & 63]);
    put(n > 1 ? kBase64[v >> 6 & 63] : '=');
    put(n > 2 ? kBase64[v & 63] : '=');
  }
  return out;
}

Result<std::string> from_base64(string_view text) {
  std::string out;
  std::uint32_t v = 0;
  int count = 0;
  int end = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    unsigned digit = 0;
    if (c == '=') {
      if (end == 0) {
        if (count == 2) {
          end = 1;
        } else if (count == 3) {
          end = 2;
        } else {
          return invalid("22023", "unexpected \"=\" while decoding base64 sequence");
        }
      }
    } else {
      const char* at = std::strchr(kBase64, c);
      if (at == nullptr || c == '\0')
        return invalid("22023", "invalid symbol \"" + std::string(1, c) + "\" found while decoding base64 sequence");
      digit = static_cast<unsigned>(at - kBase64);
    }
    v = v << 6 | digit;
    if (++count == 4) {
      out += static_cast<char>(v >> 16);
      if (end == 0 || end > 1) out += static_cast<char>(v >> 8);
      if (end == 0) out += static_cast<char>(v);
      v = 0;
      count = 0;
    }
  }
  if (count != 0) {
    return invalid("22023", "invalid base64 end sequence")
        .with_detail("Input data is missing padding, is truncated, or is otherwise corrupted.");
  }
  return out;
}

std::string to_escape(string_view s) {
  std::string out;
  for (const char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0 || byte >= 0x80) {
      out += '\\';
      out += static_cast<char>('0' + (byte >> 6));
      out += static_cast<char>('0' + (byte >> 3 & 7));
      out += static_cast<char>('0' + (byte & 7));
    } else {
      if (c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

Status unknown_encoding(string_view name) { return invalid("22023", "unrecognized encoding: \"" + std::string(name) + "\""); }

Result<std::string> encode(BytesView bytes, string_view how) {
  const std::string name = to_lower(how);
  if (name == "hex") return to_hex(bytes.data);
  if (name == "base64") return to_base64(bytes.data);
  if (name == "escape") return to_escape(bytes.data);
  return unknown_encoding(how);
}

Result<Bytes> decode(string_view text, string_view how) {
  const std::string name = to_lower(how);
  Result<std::string> bytes = unknown_encoding(how);
  if (name == "hex") bytes = from_hex(text);
  if (name == "base64") bytes = from_base64(text);
  if (name == "escape") {
    if (text.starts_with("\\x")) return invalid("22P02", "invalid input syntax for type bytea");
    bytes = parse_bytea(text);
  }
  if (!bytes) return bytes.error();
  return Bytes{std::move(bytes).value()};
}

bool is_utf8_name(string_view name) {
  const std::string lower = to_lower(name);
  return lower == "utf8" || lower == "utf-8" || lower == "unicode";
}

/// RFC 1321.
std::string md5(string_view s) {
  constexpr std::array<std::uint32_t, 64> kSines = {
      0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
      0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
      0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
      0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
      0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97,
      0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
      0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
  constexpr int kShifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::string message(s);
  message += '\x80';
  while (message.size() % 64 != 56) message += '\0';
  const std::uint64_t bits = std::uint64_t{s.size()} * 8;
  message.append(reinterpret_cast<const char*>(&bits), 8);
  std::array<std::uint32_t, 4> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (std::size_t block = 0; block < message.size(); block += 64) {
    std::array<std::uint32_t, 16> words;
    std::memcpy(words.data(), message.data() + block, 64);
    auto [a, b, c, d] = state;
    for (unsigned i = 0; i < 64; ++i) {
      std::uint32_t f = 0;
      unsigned g = 0;
      switch (i / 16) {
        case 0:
          f = (b & c) | (~b & d), g = i;
          break;
        case 1:
          f = (d & b) | (~d & c), g = (5 * i + 1) % 16;
          break;
        case 2:
          f = b ^ c ^ d, g = (3 * i + 5) % 16;
          break;
        default:
          f = c ^ (b | ~d), g = 7 * i % 16;
          break;
      }
      const std::uint32_t sum = a + f + kSines[i] + words[g];
      a = d;
      d = c;
      c = b;
      b += std::rotl(sum, kShifts[i / 16][i % 4]);
    }
    state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
  }
  return to_hex({reinterpret_cast<const char*>(state.data()), 16});
}

std::string quote_literal(string_view s) {
  std::string out = s.find('\\') != s.npos ? "E'" : "'";
  for (const char c : s) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

/// Reserved words of PostgreSQL 15, which an identifier may not be without quotes (quote_ident() also quotes the other key words
/// that are not "unreserved").
constexpr string_view kReserved =
    " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char "
    "character check coalesce "
    "collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema "
    "current_time "
    "current_timestamp current_user dec decimal default deferrable desc distinct do else end except exists extract false fetch "
    "float for foreign freeze "
    "from full grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull "
    "join lateral leading "
    "least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset "
    "on only or order out "
    "outer overlaps overlay placing position precision primary real references returning right row select session_user setof "
    "similar smallint some "
    "substring symmetric table tablesample then time timestamp to trailing treat trim true union unique user using values "
    "varchar variadic verbose "
    "when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot "
    "xmlserialize xmltable ";

std::string quote_identifier(string_view s) {
  bool plain = !s.empty() && ((s[0] >= 'a' && s[0] <= 'z') || s[0] == '_');
  for (const char c : s) plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  if (plain && kReserved.find(" " + std::string(s) + " ") == kReserved.npos) return std::string(s);
  std::string out = "\"";
  for (const char c : s) {
    if (c == '"') out += c;
    out += c;
  }
  return out + "\"";
}

template <class T>
std::string integer_hex(T v) {
  std::string out;
  auto rest = static_cast<std::make_unsigned_t<T>>(v);
  do {
    out.insert(out.begin(), "0123456789abcdef"[rest & 15]);
    rest >>= 4;
  } while (rest != 0);
  return out;
}

/// format(): %s %I %L %%, with position$ , flags and width.
class Formatter {
 public:
  Formatter(std::span<const ColumnVector* const> arguments, std::size_t row, const EvalContext& context)
      : arguments_(arguments), row_(row), room_{context} {}

  Status run(string_view pattern, std::string& out) {
    for (std::size_t i = 0; i < pattern.size();) {
      if (pattern[i] != '%') {
        out += pattern[i++];
        continue;
      }
      if (++i == pattern.size()) return unterminated();
      if (pattern[i] == '%') {
        out += '%';
        ++i;
        continue;
      }
      LDB_TRY(specifier(pattern, i, out));
    }
    return {};
  }

 private:
  static Status unterminated() {
    return invalid("22023", "unterminated format() type specifier").with_detail("For a single \"%\" use \"%%\".");
  }

  static bool number(string_view p, std::size_t& i, int& v, Status& failure) {
    const std::size_t from = i;
    v = 0;
    for (; i < p.size() && p[i] >= '0' && p[i] <= '9'; ++i) {
      if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, p[i] - '0', &v)) {
        failure = out_of_range("number is out of range");
        return false;
      }
    }
    return i > from;
  }

  Status specifier(string_view p, std::size_t& i, std::string& out) {
    Status failure;
    int position = -1;
    int width = 0;
    int v = 0;
    bool left_aligned = false;
    const std::size_t start = i;
    if (number(p, i, v, failure) && i < p.size() && p[i] == '$') {
      if (v == 0) return invalid("22023", "format specifies argument 0, but arguments are numbered from 1");
      position = v;
      ++i;
    } else {
      i = start;
    }
    LDB_TRY(failure);
    while (i < p.size() && p[i] == '-') left_aligned = true, ++i;
    if (i < p.size() && p[i] == '*') {
      ++i;
      const std::size_t at = i;
      int from = -1;
      if (number(p, i, v, failure) && i < p.size() && p[i] == '$') {
        if (v == 0) return invalid("22023", "format specifies argument 0, but arguments are numbered from 1");
        from = v;
        ++i;
      } else {
        i = at;
      }
      LDB_TRY(width_argument(from, width, left_aligned));
    } else {
      number(p, i, width, failure);
    }
    LDB_TRY(failure);
    if (i == p.size()) return unterminated();
    const char kind = p[i++];
    if (kind != 's' && kind != 'I' && kind != 'L') {
      const string_view shown = p.substr(i - 1, utf8_size(p.substr(i - 1)));
      return invalid("22023", "unrecognized format() type specifier \"" + std::string(shown) + "\"")
          .with_detail("For a single \"%\" use \"%%\".");
    }
    std::size_t argument = 0;
    LDB_TRY(next(position, argument));
    std::string text;
    const bool null = arguments_[argument]->is_null(row_);
    if (!null) text = arguments_[argument]->value(row_).to_string();
    if (kind == 'I') {
      if (null) return invalid("22004", "null values cannot be formatted as an SQL identifier");
      text = quote_identifier(text);
    } else if (kind == 'L') {
      text = null ? "NULL" : quote_literal(text);
    }
    const auto have = static_cast<int>(utf8_length(text));
    LDB_TRY(room_.check(out.size() + text.size() + static_cast<std::size_t>(std::max(width - have, 0))));
    const std::string padding(static_cast<std::size_t>(std::max(width - have, 0)), ' ');
    out += left_aligned ? text + padding : padding + text;
    return {};
  }

  Status next(int position, std::size_t& argument) {
    if (position > 0)
      last_ = position;
    else
      ++last_;
    if (static_cast<std::size_t>(last_) >= arguments_.size()) return invalid("22023", "too few arguments for format()");
    argument = static_cast<std::size_t>(last_);
    return {};
  }

  Status width_argument(int position, int& width, bool& left_aligned) {
    std::size_t argument = 0;
    LDB_TRY(next(position, argument));
    if (arguments_[argument]->is_null(row_)) return {};
    LDB_ASSIGN_OR_RETURN(const Value v,
                         cast_value(arguments_[argument]->value(row_), DataType{TypeId::kInteger}, CastContext::kExplicit));
    std::int64_t w = std::get<std::int64_t>(v.storage());
    if (w < 0) {
      left_aligned = true;
      w = -w;
    }
    if (w > INT32_MAX) return out_of_range("number is out of range");
    width = static_cast<int>(w);
    return {};
  }

  std::span<const ColumnVector* const> arguments_;
  std::size_t row_;
  ValueRoom room_;
  int last_ = 0;
};

Function format_function(bool with_arguments) {
  Function f;
  f.name = "format";
  f.arguments = with_arguments ? std::vector<TypeId>{TypeId::kText, TypeId::kNull} : std::vector<TypeId>{TypeId::kText};
  f.variadic = with_arguments;
  f.strict = false;
  f.result = TypeId::kText;
  f.volatility = Volatility::kStable;
  f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      if (arguments[0]->is_null(row)) {
        out.set_null(row);
        continue;
      }
      std::string text;
      LDB_TRY(ValueRoom{context}.check(out.arena().memory_bytes()));
      LDB_TRY(Formatter(arguments, row, context).run(arguments[0]->at<string_view>(row), text));
      out.set_string(row, text);
    }
    return {};
  };
  return f;
}

/// quote_literal(any), quote_nullable(any).
Function quote_any(const char* name, bool strict) {
  Function f;
  f.name = name;
  f.arguments = {TypeId::kNull};
  f.strict = strict;
  f.result = TypeId::kText;
  f.volatility = Volatility::kStable;
  f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&, ColumnVector& out) -> Status {
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      if (arguments[0]->is_null(row)) {
        out.set_string(row, "NULL");
        continue;
      }
      LDB_ASSIGN_OR_RETURN(const Value text,
                           cast_value(arguments[0]->value(row), DataType{TypeId::kText}, CastContext::kExplicit));
      out.set_string(row, quote_literal(std::get<std::string>(text.storage())));
    }
    return {};
  };
  return f;
}

}  // namespace

void register_encoding_functions(FunctionRegistry& r) {
  add_function(r, "encode", encode);
  add_function(r, "decode", decode);
  add_function(r, "md5", [](string_view s) { return md5(s); });
  add_function(r, "md5", [](BytesView s) { return md5(s.data); });
  add_function(r, "to_hex", [](std::int32_t v) { return integer_hex(v); });
  add_function(r, "to_hex", [](std::int64_t v) { return integer_hex(v); });
  add_function(r, "convert_from", [](BytesView s, string_view encoding) -> Result<std::string> {
    if (!is_utf8_name(encoding)) return unsupported("only encoding UTF8 is supported");
    if (!is_valid_text(s.data)) return invalid("22021", "invalid byte sequence for encoding \"UTF8\"");
    return std::string(s.data);
  });
  add_function(r, "convert_to", [](string_view s, string_view encoding) -> Result<Bytes> {
    if (!is_utf8_name(encoding)) return unsupported("only encoding UTF8 is supported");
    return Bytes{std::string(s)};
  });
  add_function(r, "get_byte", [](BytesView s, std::int32_t i) -> Result<std::int32_t> {
    if (i < 0 || static_cast<std::size_t>(i) >= s.data.size()) {
      return invalid("2202E", "index " + std::to_string(i) + " out of valid range, 0.." +
                                  std::to_string(static_cast<std::int64_t>(s.data.size()) - 1));
    }
    return static_cast<std::int32_t>(static_cast<unsigned char>(s.data[static_cast<std::size_t>(i)]));
  });
  add_function(r, "quote_ident", quote_identifier);
  add_function(r, "quote_literal", quote_literal);
  r.add(quote_any("quote_literal", true));
  r.add(quote_any("quote_nullable", false));
  r.add(format_function(true));
  r.add(format_function(false));
}

}  // namespace ldb::sql
