// SQL types and values as applications see them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ldb/status.hpp"

namespace ldb {

__extension__ using int128_t = __int128;

enum class TypeId : std::uint8_t {
  kNull = 0,  ///< the type of an untyped NULL
  kBoolean = 1,
  kSmallInt = 2,
  kInteger = 3,
  kBigInt = 4,
  kReal = 5,
  kDouble = 6,
  kNumeric = 7,
  kText = 8,
  kVarchar = 9,
  kChar = 10,
  kBytea = 11,
  kDate = 12,
  kTimestamp = 13,
  kInterval = 14,
};

/// A type with its modifiers. Value type; stored in the catalog as two integers.
struct DataType {
  TypeId id = TypeId::kNull;
  std::int32_t length = -1;  ///< VARCHAR/CHAR: characters; NUMERIC: precision (1..38); -1: none given
  std::int32_t scale = 0;    ///< NUMERIC with a precision: digits behind the point
  /// As PostgreSQL spells it: "integer", "numeric(10,2)", "character varying(40)".
  std::string to_string() const;
  friend bool operator==(const DataType&, const DataType&) = default;
};

/// value = coefficient / 10^scale; |coefficient| < 10^38, 0 <= scale <= 38. Display keeps the scale (1.50 has scale 2);
/// comparison does not.
struct Decimal {
  int128_t coefficient = 0;
  std::int32_t scale = 0;
  std::string to_string() const;
  static Result<Decimal> parse(std::string_view text);
  double to_double() const;
};
std::strong_ordering compare(const Decimal& a, const Decimal& b);

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
struct Date {
  std::int32_t days = 0;
  friend auto operator<=>(const Date&, const Date&) = default;
};
/// Microseconds since 1970-01-01 00:00 without a zone.
struct Timestamp {
  std::int64_t us = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};
/// As PostgreSQL: the three parts are kept apart; compared with 30-day months and 24-hour days.
struct Interval {
  std::int32_t months = 0;
  std::int32_t days = 0;
  std::int64_t us = 0;
};
/// Raw bytes, to tell BYTEA from TEXT.
struct Bytes {
  std::string data;
  friend auto operator<=>(const Bytes&, const Bytes&) = default;
};

/// One SQL value with its type, or NULL. Value type.
class Value {
 public:
  using Storage =
      std::variant<std::monostate, bool, std::int64_t, double, Decimal, std::string, Bytes, Date, Timestamp, Interval>;

  Value() = default;  // untyped NULL
  Value(bool v) : type_(TypeId::kBoolean), storage_(v) {}
  Value(std::int16_t v) : type_(TypeId::kSmallInt), storage_(std::int64_t{v}) {}
  Value(std::int32_t v) : type_(TypeId::kInteger), storage_(std::int64_t{v}) {}
  Value(std::int64_t v) : type_(TypeId::kBigInt), storage_(v) {}
  Value(long long v) : type_(TypeId::kBigInt), storage_(static_cast<std::int64_t>(v)) {}
  Value(float v) : type_(TypeId::kReal), storage_(double{v}) {}
  Value(double v) : type_(TypeId::kDouble), storage_(v) {}
  Value(Decimal v) : type_(TypeId::kNumeric), storage_(v) {}
  Value(std::string v) : type_(TypeId::kText), storage_(std::move(v)) {}
  Value(std::string_view v) : type_(TypeId::kText), storage_(std::string(v)) {}
  Value(const char* v) : type_(TypeId::kText), storage_(std::string(v)) {}
  Value(Bytes v) : type_(TypeId::kBytea), storage_(std::move(v)) {}
  Value(Date v) : type_(TypeId::kDate), storage_(v) {}
  Value(Timestamp v) : type_(TypeId::kTimestamp), storage_(v) {}
  Value(Interval v) : type_(TypeId::kInterval), storage_(v) {}
  Value(std::nullptr_t) {}
  Value(std::nullopt_t) {}
  template <class T>
  Value(const std::optional<T>& v) : Value(v ? Value(*v) : Value()) {}
  /// A typed NULL or a value whose type differs from the storage's default (VARCHAR in a string, SMALLINT in an integer).
  Value(TypeId type, Storage storage) : type_(type), storage_(std::move(storage)) {}

  TypeId type() const { return type_; }
  bool is_null() const { return storage_.index() == 0; }
  const Storage& storage() const { return storage_; }

  /// Converts to T (bool, integers, float, double, Decimal, std::string, Bytes, Date, Timestamp, Interval, std::optional of
  /// these). kInvalidArgument on NULL (unless optional), on a different kind, and when it does not fit. Any value reads as
  /// std::string (its text).
  template <class T>
  Result<T> as() const;

  /// Text as PostgreSQL prints it ("t", "1.50", "2024-02-29 12:00:00", "\x00ff"); "" for NULL.
  std::string to_string() const;

 private:
  TypeId type_ = TypeId::kNull;
  Storage storage_;
};

template <>
Result<bool> Value::as() const;
template <>
Result<std::int16_t> Value::as() const;
template <>
Result<std::int32_t> Value::as() const;
template <>
Result<std::int64_t> Value::as() const;
template <>
Result<float> Value::as() const;
template <>
Result<double> Value::as() const;
template <>
Result<Decimal> Value::as() const;
template <>
Result<std::string> Value::as() const;
template <>
Result<Bytes> Value::as() const;
template <>
Result<Date> Value::as() const;
template <>
Result<Timestamp> Value::as() const;
template <>
Result<Interval> Value::as() const;

}  // namespace ldb
