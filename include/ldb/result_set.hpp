// Rows that a statement returned, with typed access.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "ldb/status.hpp"
#include "ldb/value.hpp"

namespace ldb {

struct ColumnInfo {
  std::string name;
  DataType type;
};

class ResultSet;

/// One row of a ResultSet; a view into it.
class Row {
 public:
  Row(const ResultSet& result, std::size_t row) : result_(&result), row_(row) {}
  std::size_t size() const;
  const Value& operator[](std::size_t column) const;
  /// The column as T (see Value::as). Aborts with a message when it cannot be: use try_get for data you do not know.
  template <class T>
  T get(std::size_t column) const {
    return (*this)[column].template as<T>().value();
  }
  template <class T>
  T get(std::string_view column) const;
  template <class T>
  Result<T> try_get(std::size_t column) const {
    return (*this)[column].template as<T>();
  }
  bool is_null(std::size_t column) const { return (*this)[column].is_null(); }

 private:
  const ResultSet* result_;
  std::size_t row_;
};

namespace internal {
template <class T>
struct ValueAs {
  static T get(const Value& v) { return v.as<T>().value(); }
};
template <class T>
struct ValueAs<std::optional<T>> {
  static std::optional<T> get(const Value& v) { return v.is_null() ? std::nullopt : std::optional<T>(v.as<T>().value()); }
};
}  // namespace internal

/// Everything one statement returned. Value type, owns its rows. `for (Row row : result)`, or with types:
/// `for (auto [id, name] : result.as<int64_t, std::string>())` (std::optional<T> for columns that may be NULL).
class ResultSet {
 public:
  ResultSet() = default;
  ResultSet(std::vector<ColumnInfo> columns, std::vector<Value> values, std::string tag, std::uint64_t affected)
      : columns_(std::move(columns)), values_(std::move(values)), tag_(std::move(tag)), affected_(affected) {}

  const std::vector<ColumnInfo>& columns() const { return columns_; }
  std::size_t size() const { return columns_.empty() ? 0 : values_.size() / columns_.size(); }
  bool empty() const { return size() == 0; }
  Row operator[](std::size_t row) const { return {*this, row}; }
  const Value& at(std::size_t row, std::size_t column) const { return values_[row * columns_.size() + column]; }
  std::optional<std::size_t> find_column(std::string_view name) const;

  /// "SELECT 3", "INSERT 0 1", "CREATE TABLE": PostgreSQL's command tag.
  const std::string& command_tag() const { return tag_; }
  /// Rows inserted, updated, deleted or returned.
  std::uint64_t affected_rows() const { return affected_; }

  class iterator {
   public:
    using value_type = Row;
    using difference_type = std::ptrdiff_t;
    iterator(const ResultSet* result, std::size_t row) : result_(result), row_(row) {}
    Row operator*() const { return {*result_, row_}; }
    iterator& operator++() { return ++row_, *this; }
    friend bool operator==(const iterator&, const iterator&) = default;

   private:
    const ResultSet* result_;
    std::size_t row_;
  };
  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, size()}; }

  template <class... Ts>
  class TypedRows {
   public:
    explicit TypedRows(const ResultSet* result) : result_(result) {}
    class iterator {
     public:
      iterator(const ResultSet* result, std::size_t row) : result_(result), row_(row) {}
      std::tuple<Ts...> operator*() const { return make(std::index_sequence_for<Ts...>{}); }
      iterator& operator++() { return ++row_, *this; }
      friend bool operator==(const iterator&, const iterator&) = default;

     private:
      template <std::size_t... I>
      std::tuple<Ts...> make(std::index_sequence<I...>) const {
        return {internal::ValueAs<Ts>::get(result_->at(row_, I))...};
      }
      const ResultSet* result_;
      std::size_t row_;
    };
    iterator begin() const { return {result_, 0}; }
    iterator end() const { return {result_, result_->size()}; }

   private:
    const ResultSet* result_;
  };
  /// As many types as columns; aborts when a value does not convert. The ResultSet must outlive the loop.
  template <class... Ts>
  TypedRows<Ts...> as() const& {
    return TypedRows<Ts...>(this);
  }
  template <class... Ts>
  TypedRows<Ts...> as() const&& = delete;

 private:
  std::vector<ColumnInfo> columns_;
  std::vector<Value> values_;  // row by row
  std::string tag_;
  std::uint64_t affected_ = 0;
};

inline std::size_t Row::size() const { return result_->columns().size(); }
inline const Value& Row::operator[](std::size_t column) const { return result_->at(row_, column); }
template <class T>
T Row::get(std::string_view column) const {
  const auto index = result_->find_column(column);
  if (!index) internal::bad_result_access(Status(StatusCode::kNotFound, "no column " + std::string(column)));
  return get<T>(*index);
}

}  // namespace ldb
