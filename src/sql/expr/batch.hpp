// Columnar batches: what expressions are evaluated over and operators hand to each other.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ldb/status.hpp"
#include "ldb/value.hpp"

namespace ldb::sql {

inline constexpr std::size_t kBatchRows = 2048;

class MemoryBudget;

/// How the elements of a column lie in memory. TEXT, VARCHAR, CHAR and BYTEA are string_view; an untyped NULL is bool.
enum class PhysicalType : std::uint8_t {
  kBool,
  kInt16,
  kInt32,
  kInt64,
  kFloat,
  kDouble,
  kDecimal,
  kString,
  kDate,
  kTimestamp,
  kInterval
};
PhysicalType physical_type(TypeId id);
std::size_t element_size(PhysicalType type);

/// The rows of a batch that an operation works on: ascending row indexes, or 0..count-1 when `indexes` is null. Borrows.
struct RowSet {
  const std::uint16_t* indexes = nullptr;
  std::size_t count = 0;

  static RowSet first(std::size_t count) { return {nullptr, count}; }
  static RowSet of(std::span<const std::uint16_t> indexes) { return {indexes.data(), indexes.size()}; }
  std::size_t operator[](std::size_t i) const { return indexes ? indexes[i] : i; }
  template <class F>
  void for_each(F&& f) const {
    if (indexes) {
      for (std::size_t i = 0; i < count; ++i) f(static_cast<std::size_t>(indexes[i]));
    } else {
      for (std::size_t i = 0; i < count; ++i) f(i);
    }
  }
};

/// Bump allocator for the bytes of strings. Views stay valid until clear() or destruction.
class StringArena {
 public:
  char* allocate(std::size_t size_bytes);
  std::string_view copy(std::string_view text);
  void clear();
  std::size_t memory_bytes() const { return reserved_bytes_; }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t room_ = 0;
  std::size_t first_block_bytes_ = 0;
  std::size_t reserved_bytes_ = 0;
};

/// Values of one type, one per row, or one for all rows (constant). Copying is cheap: copies share their buffer, and a writer
/// that shares takes a fresh one in reset(). Strings live in the buffer's arena or in buffers that it keeps alive. One thread at
/// a time. Elements of NULL rows are unspecified but readable.
class ColumnVector {
 public:
  ColumnVector() = default;
  explicit ColumnVector(DataType type, std::size_t capacity = kBatchRows) { reset(type, capacity); }
  /// All rows hold `value` (whose type need not carry modifiers).
  static ColumnVector constant(DataType type, const Value& value);

  /// Empties: flat, no NULLs, room for `capacity` rows with unspecified contents. Reuses memory unless it is shared.
  void reset(DataType type, std::size_t capacity = kBatchRows);
  /// As reset, but one element that stands for every row.
  void reset_constant(DataType type);

  const DataType& type() const { return type_; }
  void set_type(DataType type) { type_ = type; }  ///< Only to one with the same physical type (modifiers, TEXT/VARCHAR).
  PhysicalType physical() const { return physical_; }
  std::size_t capacity() const { return capacity_; }
  bool is_constant() const { return constant_; }
  /// Where the element of `row` is.
  std::size_t index(std::size_t row) const { return constant_ ? 0 : row; }

  /// T: bool, int16_t, int32_t, int64_t, float, double, Decimal, std::string_view, Date, Timestamp, Interval; must match
  /// physical(). Index with index(row).
  template <class T>
  T* data() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(data_);
  }
  template <class T>
  const T& at(std::size_t row) const {
    return data<T>()[index(row)];
  }

  bool may_have_nulls() const { return nulls_ != nullptr; }
  bool is_null(std::size_t row) const {
    if (nulls_ == nullptr) return false;
    const std::size_t i = index(row);
    return (nulls_[i / 64] >> (i % 64)) & 1;
  }
  void set_null(std::size_t row) {
    if (nulls_ == nullptr) add_null_bitmap();
    nulls_[row / 64] |= std::uint64_t{1} << (row % 64);
  }
  void clear_null(std::size_t row) {
    if (nulls_ != nullptr) nulls_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
  }

  /// For elements made while filling this vector. Valid until reset.
  StringArena& arena();
  /// Copies the bytes into the arena.
  void set_string(std::size_t row, std::string_view text) { data<std::string_view>()[row] = arena().copy(text); }
  /// Keeps the strings of `other` alive as long as this vector's contents, so that views into it may be stored here.
  void keep_alive(const ColumnVector& other);

  Value value(std::size_t row) const;
  /// `value` must be NULL or have this vector's physical type.
  void set_value(std::size_t row, const Value& value);
  /// Copies one element of the same physical type; strings are copied into the arena.
  void copy_from(const ColumnVector& source, std::size_t source_row, std::size_t row);
  /// Element i becomes source[rows[i]]; strings are shared, not copied. `source` may be constant.
  void gather(const ColumnVector& source, std::span<const std::uint16_t> rows);

  std::size_t memory_bytes() const;
  /// Counts the strings made in this vector, when they are long, against a statement's memory until they go. 53200.
  Status charge_strings(const std::shared_ptr<MemoryBudget>& budget, const char* holder);

 private:
  struct Buffer;
  void add_null_bitmap();
  void take_buffer();

  DataType type_;
  PhysicalType physical_ = PhysicalType::kBool;
  bool constant_ = false;
  std::size_t capacity_ = 0;
  char* data_ = nullptr;            // into *buffer_
  std::uint64_t* nulls_ = nullptr;  // into *buffer_; null: no NULLs
  std::shared_ptr<Buffer> buffer_;  // shared: copies of a vector read the same elements
};

/// Up to kBatchRows rows. `selection` names the rows that count, ascending; without it all `row_count` rows do.
struct Batch {
  std::vector<ColumnVector> columns;
  std::size_t row_count = 0;
  bool has_selection = false;
  std::vector<std::uint16_t> selection;

  RowSet rows() const { return has_selection ? RowSet::of(selection) : RowSet::first(row_count); }
  std::size_t selected_count() const { return has_selection ? selection.size() : row_count; }
  void clear_selection() {
    has_selection = false;
    selection.clear();
  }
  /// Drops unselected rows so that rows() is 0..n-1 without a selection; strings stay shared.
  void compact();
};

}  // namespace ldb::sql
