// to_char() of numbers, and to_number(): the number is printed digit by digit along the picture, as PostgreSQL's NUM_processor()
// does it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "sql/expr/format_picture.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

using K = NumberKey;

Status bad_format(const char* message) { return invalid("42601", message); }

/// What the picture says as a whole.
struct Layout {
  int before = 0, after = 0;         // digit places around the point
  int anchored_at = 0;               // digit places in front of the S
  int shift = 0;                     // places behind V
  int zero_start = 0, zero_end = 0;  // 1-based place of the first 0; place of the last
  enum class Anchor : std::uint8_t { kNone, kFront, kBack } anchor = Anchor::kNone;
  bool fill_mode = false, zero = false, blank = false, decimal = false, sign = false, minus = false, plus = false,
       bracket = false, roman = false, shifted = false, exponent = false;
};

Result<Layout> lay_out(const NumberPicture& picture) {
  Layout n;
  for (const auto& node : picture) {
    if (!node.is_key) continue;
    if (n.exponent && node.key != K::kExponent) return bad_format("\"EEEE\" must be the last pattern used");
    switch (node.key) {
      case K::kNine:
        if (n.bracket) return bad_format("\"9\" must be ahead of \"PR\"");
        if (n.shifted) {
          ++n.shift;
        } else {
          ++(n.decimal ? n.after : n.before);
        }
        break;
      case K::kZero:
        if (n.bracket) return bad_format("\"0\" must be ahead of \"PR\"");
        if (!n.zero && !n.decimal) {
          n.zero = true;
          n.zero_start = n.before + 1;
        }
        ++(n.decimal ? n.after : n.before);
        n.zero_end = n.before + n.after;
        break;
      case K::kBlank:
        if (n.before == 0 && n.after == 0 && !n.zero) n.blank = true;
        break;
      case K::kDecimal:
      case K::kPoint:
        if (n.decimal) return bad_format("multiple decimal points");
        if (n.shifted) return bad_format("cannot use \"V\" and decimal point together");
        n.decimal = true;
        break;
      case K::kFillMode:
        n.fill_mode = true;
        break;
      case K::kSignAnchored:
        if (n.sign) return bad_format("cannot use \"S\" twice");
        if (n.plus || n.minus || n.bracket) return bad_format("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together");
        n.sign = true;
        if (!n.decimal) {
          n.anchor = Layout::Anchor::kFront;
          n.anchored_at = n.before;
        } else {
          n.anchor = Layout::Anchor::kBack;
        }
        break;
      case K::kMinus:
        if (n.sign) return bad_format("cannot use \"S\" and \"MI\" together");
        n.minus = true;
        break;
      case K::kPlus:
        if (n.sign) return bad_format("cannot use \"S\" and \"PL\" together");
        n.plus = true;
        break;
      case K::kSign:
        if (n.sign) return bad_format("cannot use \"S\" and \"SG\" together");
        n.plus = n.minus = true;
        break;
      case K::kBracket:
        if (n.sign || n.plus || n.minus) return bad_format("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together");
        n.bracket = true;
        break;
      case K::kRomanLower:
      case K::kRomanUpper:
        n.roman = true;
        break;
      case K::kShift:
        if (n.decimal) return bad_format("cannot use \"V\" and decimal point together");
        n.shifted = true;
        break;
      case K::kExponent:
        if (n.exponent) return bad_format("cannot use \"EEEE\" twice");
        if (n.blank || n.fill_mode || n.sign || n.bracket || n.minus || n.plus || n.roman || n.shifted) {
          return invalid("42601", "\"EEEE\" is incompatible with other formats")
              .with_detail("\"EEEE\" may only be used together with digit and decimal point patterns.");
        }
        n.exponent = true;
        break;
      default:
        break;
    }
  }
  return n;
}

/// The value as the writer wants it: digits with at most one point, and apart from them the sign.
struct Digits {
  std::string text;
  char sign = '+';
};

class NumberWriter {
 public:
  NumberWriter(Layout layout, Digits digits, int blanks)
      : n_(layout), number_(std::move(digits.text)), sign_(digits.sign), blanks_(blanks) {}

  std::string write(const NumberPicture& picture) {
    prepare();
    for (const auto& node : picture) {
      if (!node.is_key) {
        out_ += node.text;
        continue;
      }
      element(node.key);
    }
    return std::move(out_);
  }

 private:
  char current() const { return at_ < number_.size() ? number_[at_] : '\0'; }
  /// The last digit that shows under FM is the point itself: "1." of 1.00.
  bool stops_at_point() const { return last_relevant_ && number_[*last_relevant_] == '.'; }
  bool leads_with_zero() const { return !n_.zero && at_ == 0 && current() == '0' && n_.after != 0; }

  void prepare() {
    if (n_.zero_start > 0) --n_.zero_start;
    if (n_.roman) {
      const bool fill_mode = n_.fill_mode;
      n_ = {};
      n_.fill_mode = fill_mode;
      n_.roman = true;
      blanks_ = 0;
      sign_ = 0;
    }
    if (n_.plus || n_.minus) {
      sign_written_ = !(n_.plus && !n_.minus);
    } else {
      if (sign_ != '-' && n_.bracket && n_.fill_mode) n_.bracket = false;
      sign_written_ = sign_ == '+' && n_.fill_mode && !n_.sign;
      if (n_.anchor == Layout::Anchor::kFront && n_.before == n_.anchored_at) n_.anchor = Layout::Anchor::kBack;
    }
    places_ = n_.after + n_.before - 1;
    const std::size_t point = number_.find('.');
    if (n_.fill_mode && n_.decimal && point != std::string::npos) {
      last_relevant_ = point;
      for (std::size_t i = point + 1; i < number_.size(); ++i) {
        if (number_[i] != '0') last_relevant_ = i;
      }
      if (n_.zero_end > blanks_) {
        const auto last_zero = std::min(number_.size() - 1, static_cast<std::size_t>(n_.zero_end - blanks_));
        last_relevant_ = std::max(*last_relevant_, last_zero);
      }
    }
    if (!sign_written_ && blanks_ == 0) ++places_;
  }

  void element(K key) {
    switch (key) {
      case K::kNine:
      case K::kZero:
      case K::kPoint:
      case K::kDecimal:
        place(key);
        break;
      case K::kComma:
      case K::kGroup:
        if (inside_) {
          out_ += ',';
        } else if (!n_.fill_mode) {
          out_ += ' ';
        }
        break;
      case K::kCurrency:
        out_ += ' ';
        break;
      case K::kRomanUpper:
      case K::kRomanLower: {
        std::string roman = key == K::kRomanLower ? to_lower(number_) : number_;
        if (!n_.fill_mode && roman.size() < 15) roman.insert(0, 15 - roman.size(), ' ');
        out_ += roman;
        break;
      }
      case K::kOrdinalUpper:
      case K::kOrdinalLower:
        if (!n_.roman && number_[0] != '#' && sign_ != '-' && !n_.decimal)
          out_ += ordinal_suffix(number_, key == K::kOrdinalUpper);
        break;
      case K::kMinus:
        if (sign_ == '-') {
          out_ += '-';
        } else if (!n_.fill_mode) {
          out_ += ' ';
        }
        break;
      case K::kPlus:
        if (sign_ == '+') {
          out_ += '+';
        } else if (!n_.fill_mode) {
          out_ += ' ';
        }
        break;
      case K::kSign:
        out_ += sign_;
        break;
      default:
        break;
    }
  }

  void write_sign() {
    if (n_.sign) {
      if (n_.anchor == Layout::Anchor::kFront) {
        out_ += sign_ == '-' ? '-' : '+';
        sign_written_ = true;
      }
    } else if (n_.bracket) {
      out_ += sign_ == '+' ? ' ' : '<';
      sign_written_ = true;
    } else {
      if (sign_ == '-') {
        out_ += '-';
      } else if (!n_.fill_mode) {
        out_ += ' ';
      }
      sign_written_ = true;
    }
  }

  /// One digit place or the point.
  void place(K key) {
    if (n_.roman) return;
    inside_ = false;
    if (!sign_written_ && (place_ >= blanks_ || (n_.zero && n_.zero_start == place_)) && (!leads_with_zero() || stops_at_point()))
      write_sign();
    if (place_ < blanks_ && (n_.zero_start > place_ || !n_.zero)) {
      if (!n_.fill_mode) out_ += ' ';
    } else if (n_.zero && place_ < blanks_) {
      out_ += '0';
      inside_ = true;
    } else {
      write_digit(key);
      if (current() != '\0') ++at_;
    }
    int end = places_ + (blanks_ != 0 ? 1 : 0) + (n_.decimal ? 1 : 0);
    if (last_relevant_ && *last_relevant_ == at_) end = place_;
    if (place_ + 1 == end) {
      if (sign_written_ && n_.bracket) {
        out_ += sign_ == '+' ? ' ' : '>';
      } else if (n_.sign && n_.anchor == Layout::Anchor::kBack) {
        out_ += sign_ == '-' ? '-' : '+';
      }
    }
    ++place_;
  }

  void write_digit(K key) {
    if (current() == '.') {
      if (!last_relevant_ || !stops_at_point() || n_.fill_mode) out_ += '.';
    } else if (last_relevant_ && at_ > *last_relevant_ && key != K::kZero) {
      // a trailing zero that FM drops
    } else if (leads_with_zero()) {
      if (!n_.fill_mode) {
        out_ += ' ';
      } else if (stops_at_point()) {
        out_ += '0';
      }
    } else if (current() != '\0') {
      out_ += current();
      inside_ = true;
    } else {
      inside_ = true;
    }
  }

  Layout n_;
  std::string number_;
  char sign_;
  int blanks_;
  std::size_t at_ = 0;
  int place_ = 0;
  int places_ = 0;
  bool sign_written_ = false;
  bool inside_ = false;
  std::optional<std::size_t> last_relevant_;
  std::string out_;
};

std::string roman(std::int64_t v) {
  if (v > 3999 || v < 1) return std::string(15, '#');
  constexpr std::string_view kOnes[] = {"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"};
  constexpr std::string_view kTens[] = {"", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"};
  constexpr std::string_view kHundreds[] = {"", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"};
  std::string out(static_cast<std::size_t>(v / 1000), 'M');
  return out.append(kHundreds[v / 100 % 10]).append(kTens[v / 10 % 10]).append(kOnes[v % 10]);
}

/// Number and picture together. `text` may start with a minus.
std::string write(const Layout& layout, const NumberPicture& picture, std::string text) {
  Digits digits;
  if (text.starts_with('-')) {
    digits.sign = '-';
    text.erase(0, 1);
  }
  digits.text = std::move(text);
  const auto have = static_cast<int>(std::min(digits.text.find('.'), digits.text.size()));
  int blanks = 0;
  if (have < layout.before) {
    blanks = layout.before - have;
  } else if (have > layout.before) {
    digits.text.assign(static_cast<std::size_t>(layout.before + layout.after + 1), '#');
    digits.text[static_cast<std::size_t>(layout.before)] = '.';
  }
  return NumberWriter(layout, std::move(digits), blanks).write(picture);
}

std::string write_roman(const Layout& layout, const NumberPicture& picture, std::int64_t v) {
  return NumberWriter(layout, {roman(v), '+'}, 0).write(picture);
}

std::string scientific(double v, int digits) {
  char text[512];
  std::snprintf(text, sizeof text, "%+.*e", digits, v);
  if (text[0] == '+') text[0] = ' ';
  return text;
}

/// d.ddde+xx of a decimal, rounded half away from zero. As in PostgreSQL 15, rounding does not move the exponent: 999.9
/// is 10.0e+02.
Result<std::string> scientific(const Decimal& v, int digits) {
  int exponent = 0;
  Decimal m = v;
  if (v.coefficient != 0) {
    exponent = digit_count(v.coefficient) - 1 - v.scale;
    const BigInteger c(magnitude(v.coefficient));
    const int drop = digit_count(v.coefficient) - 1 - digits;  // digits beyond those shown
    const BigInteger shown = drop > 0 ? divide_rounded(c, BigInteger::power_of_ten(static_cast<unsigned>(drop)))
                                      : c * BigInteger::power_of_ten(static_cast<unsigned>(-drop));
    if (digits > kMaxDecimalDigits - 1) return unsupported("to_char with more than 37 digits behind the point is not supported");
    m = {static_cast<int128_t>(shown.low_128()), digits};
  } else {
    m = {0, std::min(digits, kMaxDecimalDigits - 1)};
  }
  char text[16];
  std::snprintf(text, sizeof text, "e%+03d", exponent);
  return (v.coefficient < 0 ? "-" : " ") + m.to_string() + text;
}

/// 10^places; 22003 when a shift (V) is absurd.
Result<Decimal> shift_factor(int places) {
  if (places > kMaxDecimalDigits - 1) return out_of_range("value overflows numeric format");
  return Decimal{power_of_ten(places), 0};
}

}  // namespace

Result<std::string> format_decimal(const Decimal& v, std::string_view format) {
  if (format.empty()) return std::string();
  const NumberPicture picture = parse_number_picture(format);
  LDB_ASSIGN_OR_RETURN(Layout layout, lay_out(picture));
  if (layout.roman) {
    std::int64_t whole = 0;
    if (!to_int64(v, whole) || whole > INT32_MAX || whole < INT32_MIN) return out_of_range("integer out of range");
    return write_roman(layout, picture, whole);
  }
  if (layout.exponent) return scientific(v, layout.after);
  Decimal shown = v;
  if (layout.shifted) {
    LDB_ASSIGN_OR_RETURN(const Decimal factor, shift_factor(layout.shift));
    LDB_ASSIGN_OR_RETURN(shown, multiply(shown, factor));
    layout.before += layout.shift;
  }
  LDB_ASSIGN_OR_RETURN(shown, round(shown, layout.after));
  return write(layout, picture, shown.to_string());
}

Result<std::string> format_integer(std::int64_t v, std::string_view format) {
  if (format.empty()) return std::string();
  const NumberPicture picture = parse_number_picture(format);
  LDB_ASSIGN_OR_RETURN(Layout layout, lay_out(picture));
  if (layout.roman) return write_roman(layout, picture, v);
  if (layout.exponent) return scientific(Decimal{v, 0}, layout.after);
  Decimal shown = decimal_of(v);
  if (layout.shifted) {
    LDB_ASSIGN_OR_RETURN(const Decimal factor, shift_factor(layout.shift));
    LDB_ASSIGN_OR_RETURN(shown, multiply(shown, factor));
    layout.before += layout.shift;
  }
  std::string text = shown.to_string();
  if (layout.after != 0) text += "." + std::string(static_cast<std::size_t>(layout.after), '0');
  return write(layout, picture, std::move(text));
}

Result<std::string> format_double(double v, int digits, std::string_view format) {
  if (format.empty()) return std::string();
  const NumberPicture picture = parse_number_picture(format);
  LDB_ASSIGN_OR_RETURN(Layout layout, lay_out(picture));
  if (layout.roman) return write_roman(layout, picture, std::fabs(v) < 1e9 ? static_cast<std::int64_t>(std::rint(v)) : 0);
  if (layout.exponent) {
    if (!std::isfinite(v)) {
      std::string text(static_cast<std::size_t>(layout.before + layout.after + 6), '#');
      text[0] = ' ';
      text[static_cast<std::size_t>(layout.before) + 1] = '.';
      return text;
    }
    return scientific(v, layout.after);
  }
  if (layout.shifted) {
    v *= std::pow(10.0, layout.shift);
    layout.before += layout.shift;
  }
  std::vector<char> text(512);
  const int whole = std::snprintf(text.data(), text.size(), "%.0f", std::fabs(v));
  if (whole >= digits) {
    layout.after = 0;
  } else if (whole + layout.after > digits) {
    layout.after = digits - whole;
  }
  std::snprintf(text.data(), text.size(), "%.*f", layout.after, v);
  std::string shown = text.data();
  if (std::isnan(v)) shown = "NaN";
  return write(layout, picture, std::move(shown));
}

}  // namespace ldb::sql
