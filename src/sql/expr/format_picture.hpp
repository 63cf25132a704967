// Format pictures of to_char(), to_date(), to_timestamp(): cutting them into nodes, and the three writers. Semantics
// are those of PostgreSQL's formatting.c under the C locale. Internal to src/sql/expr.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/value.hpp"

namespace ldb::sql {

enum class NumberKey : std::uint8_t {
  kComma,
  kPoint,
  kZero,
  kNine,
  kBlank,
  kDecimal,
  kExponent,
  kFillMode,
  kGroup,
  kCurrency,
  kMinus,
  kPlus,
  kBracket,
  kRomanUpper,
  kRomanLower,
  kSign,
  kSignAnchored,
  kOrdinalUpper,
  kOrdinalLower,
  kShift,
  kIgnored
};

enum class DateKey : std::uint8_t {
  kAD,
  kADDots,
  kAM,
  kAMDots,
  kBC,
  kBCDots,
  kPM,
  kPMDots,
  kCC,
  kDayUpper,
  kDayTitle,
  kDayLower,
  kDyUpper,
  kDyTitle,
  kDyLower,
  kDDD,
  kDD,
  kD,
  kFF1,
  kFF2,
  kFF3,
  kFF4,
  kFF5,
  kFF6,
  kFX,
  kHH24,
  kHH12,
  kHH,
  kIDDD,
  kID,
  kIW,
  kIYYY,
  kIYY,
  kIY,
  kI,
  kJ,
  kMI,
  kMM,
  kMonthUpper,
  kMonthTitle,
  kMonthLower,
  kMonUpper,
  kMonTitle,
  kMonLower,
  kMS,
  kOF,
  kQ,
  kRM,
  kSSSS,
  kSS,
  kTZH,
  kTZM,
  kTZ,
  kUS,
  kWW,
  kW,
  kYCommaYYY,
  kYYYY,
  kYYY,
  kYY,
  kY
};

/// One element of a picture: a key, or a character to copy.
template <class Key>
struct PictureNode {
  bool is_key = false;
  Key key{};
  std::string text;           ///< The character, when not a key.
  bool is_separator = false;  ///< Not a key: neither letter, digit nor quoted.
  bool is_quoted = false;
  bool fill_mode = false;  ///< FM in front (dates)
  bool translate = false;  ///< TM in front
  char ordinal = 0;        ///< 'T' or 't': TH or th behind
  bool lower = false;      ///< The key was written in lower case (am, ad, rm ...)
};
using NumberPicture = std::vector<PictureNode<NumberKey>>;
using DatePicture = std::vector<PictureNode<DateKey>>;

NumberPicture parse_number_picture(std::string_view format);
DatePicture parse_date_picture(std::string_view format);

Result<std::string> format_decimal(const Decimal& v, std::string_view format);
Result<std::string> format_integer(std::int64_t v, std::string_view format);
/// `digits`: DBL_DIG or FLT_DIG.
Result<std::string> format_double(double v, int digits, std::string_view format);

/// The value must be finite.
Result<std::string> format_timestamp(Timestamp t, std::string_view format);
Result<std::string> format_interval(const Interval& i, std::string_view format);
Result<Timestamp> parse_formatted_timestamp(std::string_view text, std::string_view format);

/// "st", "nd", "rd", "th" for the number that ends in `digits`.
std::string ordinal_suffix(std::string_view digits, bool upper);

}  // namespace ldb::sql
