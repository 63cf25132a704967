// count, min, max, bool_and, bool_or, bit_*, string_agg.
#include "sql/expr/aggregate_states.hpp"
#include "sql/expr/kernels.hpp"
#include "sql/expr/vector_ops.hpp"
#include "sql/types/cell_codec.hpp"

namespace ldb::sql {
namespace {

template <bool kAllRows>
struct Count {
  static constexpr bool kStrict = !kAllRows;
  struct State {
    std::int64_t n = 0;
  };
  using Arguments = std::span<const ColumnVector* const>;
  Status update(State& s, Arguments, std::size_t) const {
    ++s.n;
    return {};
  }
  Status merge(State& s, const State& o) const {
    s.n += o.n;
    return {};
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    out.data<std::int64_t>()[i] = s.n;
    return {};
  }
  void save(const State& s, std::string& out) const { put_varint(out, static_cast<std::uint64_t>(s.n)); }
  bool load(ByteReader& in, State& s) const {
    std::uint64_t n = 0;
    if (!in.varint(n) || n > static_cast<std::uint64_t>(INT64_MAX)) return false;
    s.n = static_cast<std::int64_t>(n);
    return true;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {TypeId::kBigInt}; }
};

/// min, max: the elements are kept in a vector of the argument's type, so that comparing is what ORDER BY does.
class Extreme final : public AggregateStates {
 public:
  Extreme(TypeId type, bool least) : type_{type}, least_(least) { best_.reset(type_, 1); }

  void resize(std::size_t groups) override {
    if (groups > best_.capacity()) {
      ColumnVector larger(type_, std::max(groups, best_.capacity() * 2));
      for (std::size_t i = 0; i < groups_; ++i) {
        if (has_[i]) larger.copy_from(best_, i, i);
      }
      best_ = std::move(larger);
      string_bytes_ = best_.arena().memory_bytes();
    }
    groups_ = groups;
    has_.resize(groups);
  }

  Status update(std::span<const ColumnVector* const> arguments, RowSet rows, const std::uint32_t* groups) override {
    const ColumnVector& v = *arguments[0];
    rows.for_each([&](std::size_t row) {
      if (!v.is_null(row)) offer(v, row, groups == nullptr ? 0 : groups[row]);
    });
    return {};
  }

  Status merge(const AggregateStates& other, std::span<const std::uint32_t> map) override {
    const auto& from = static_cast<const Extreme&>(other);
    for (std::size_t i = 0; i < map.size(); ++i) {
      if (from.has_[i]) offer(from.best_, i, map[i]);
    }
    return {};
  }

  Status finalize(std::size_t first, std::size_t count, ColumnVector& out) const override {
    out.reset(type_, count == 0 ? 1 : count);
    for (std::size_t i = 0; i < count; ++i) {
      if (has_[first + i]) {
        out.copy_from(best_, first + i, i);
      } else {
        out.set_null(i);
      }
    }
    return {};
  }

  void save(std::size_t group, std::string& out) const override {
    put_u8(out, has_[group] ? 1 : 0);
    if (has_[group]) encode_cell(best_, group, out);
  }

  Status absorb(std::string_view& bytes, std::size_t group) override {
    if (bytes.empty() || static_cast<unsigned char>(bytes[0]) > 1) return {StatusCode::kCorruption, "malformed aggregate state"};
    const bool has = bytes[0] != 0;
    bytes.remove_prefix(1);
    if (!has) return {};
    ColumnVector one(type_, 1);
    LDB_TRY(decode_cell(bytes, one, 0, false));
    offer(one, 0, group);
    return {};
  }

  std::size_t memory_bytes() const override { return best_.memory_bytes() + has_.capacity() / 8; }

 private:
  void offer(const ColumnVector& v, std::size_t row, std::size_t group) {
    if (has_[group]) {
      const int order = compare_elements(v, row, best_, group);
      if (least_ ? order >= 0 : order <= 0) return;
    }
    has_[group] = true;
    best_.copy_from(v, row, group);
    // Replaced strings stay behind in the arena; when they are most of it, start a fresh one.
    if (best_.physical() == PhysicalType::kString && best_.arena().memory_bytes() > 2 * string_bytes_ + (std::size_t{1} << 16))
      compact();
  }

  void compact() {
    ColumnVector fresh(type_, best_.capacity());
    for (std::size_t i = 0; i < groups_; ++i) {
      if (has_[i]) fresh.copy_from(best_, i, i);
    }
    best_ = std::move(fresh);
    string_bytes_ = best_.arena().memory_bytes();
  }

  DataType type_;
  bool least_;
  std::size_t groups_ = 0;
  ColumnVector best_;
  std::vector<bool> has_;
  std::size_t string_bytes_ = 0;  // of the arena when it held live strings only
};

template <bool kAnd>
struct Booleans {
  static constexpr bool kStrict = true;
  struct State {
    bool has = false;
    bool value = kAnd;
  };
  Status update(State& s, std::span<const ColumnVector* const> arguments, std::size_t row) const {
    return merge(s, {true, arguments[0]->at<bool>(row)});
  }
  Status merge(State& s, const State& o) const {
    if (!o.has) return {};
    s.has = true;
    s.value = kAnd ? s.value && o.value : s.value || o.value;
    return {};
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.has) {
      out.data<bool>()[i] = s.value;
    } else {
      out.set_null(i);
    }
    return {};
  }
  void save(const State& s, std::string& out) const { put_u8(out, static_cast<std::uint8_t>(s.has << 1 | s.value)); }
  bool load(ByteReader& in, State& s) const {
    std::uint8_t b = 0;
    if (!in.u8(b) || b > 3) return false;
    s = {b >= 2, (b & 1) != 0};
    return true;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {TypeId::kBoolean}; }
};

enum class BitOp : std::uint8_t { kAnd, kOr, kXor };

template <class T, BitOp kOp>
struct Bits {
  static constexpr bool kStrict = true;
  struct State {
    bool has = false;
    T value = 0;
  };
  Status update(State& s, std::span<const ColumnVector* const> arguments, std::size_t row) const {
    return merge(s, {true, arguments[0]->at<T>(row)});
  }
  Status merge(State& s, const State& o) const {
    if (!o.has) return {};
    if (!s.has) {
      s = o;
    } else {
      s.value = static_cast<T>(kOp == BitOp::kAnd  ? s.value & o.value
                               : kOp == BitOp::kOr ? s.value | o.value
                                                   : s.value ^ o.value);
    }
    return {};
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.has) {
      out.data<T>()[i] = s.value;
    } else {
      out.set_null(i);
    }
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_u8(out, s.has);
    put_u64(out, static_cast<std::uint64_t>(static_cast<std::int64_t>(s.value)));
  }
  bool load(ByteReader& in, State& s) const {
    std::uint8_t has = 0;
    std::uint64_t v = 0;
    if (!in.u8(has) || has > 1 || !in.u64(v)) return false;
    s = {has != 0, static_cast<T>(v)};
    return true;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {SqlType<T>::id}; }
};

template <BitOp kOp>
std::unique_ptr<AggregateStates> make_bits(TypeId t) {
  if (t == TypeId::kSmallInt) return std::make_unique<GroupStates<Bits<std::int16_t, kOp>>>(Bits<std::int16_t, kOp>{});
  if (t == TypeId::kInteger) return std::make_unique<GroupStates<Bits<std::int32_t, kOp>>>(Bits<std::int32_t, kOp>{});
  return std::make_unique<GroupStates<Bits<std::int64_t, kOp>>>(Bits<std::int64_t, kOp>{});
}

/// string_agg(value, delimiter): every value goes with the delimiter in front of it; the first one's is left out at the end, so
/// that states can be joined.
struct StringAgg {
  TypeId type;
  static constexpr bool kStrict = true;
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 30;
  struct State {
    bool has = false;
    std::size_t first_delimiter = 0;  // bytes
    std::string text;
  };
  static Status too_long() {
    return Status::sql(StatusCode::kResourceExhausted, "54000", "string_agg result is longer than 1 GB");
  }
  Status update(State& s, std::span<const ColumnVector* const> arguments, std::size_t row) const {
    const std::string_view value = arguments[0]->at<std::string_view>(row);
    const std::string_view delimiter = arguments[1]->is_null(row) ? std::string_view() : arguments[1]->at<std::string_view>(row);
    if (s.text.size() + value.size() + delimiter.size() > kMaxBytes) return too_long();
    if (!s.has) s.first_delimiter = delimiter.size();
    s.has = true;
    s.text += delimiter;
    s.text += value;
    return {};
  }
  Status merge(State& s, const State& o) const {
    if (!o.has) return {};
    if (s.text.size() + o.text.size() > kMaxBytes) return too_long();
    if (!s.has) s.first_delimiter = o.first_delimiter;
    s.has = true;
    s.text += o.text;
    return {};
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.has) {
      out.set_string(i, std::string_view(s.text).substr(s.first_delimiter));
    } else {
      out.set_null(i);
    }
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_u8(out, s.has);
    put_varint(out, s.first_delimiter);
    put_bytes(out, s.text);
  }
  bool load(ByteReader& in, State& s) const {
    std::uint8_t has = 0;
    std::uint64_t first = 0;
    std::string_view text;
    if (!in.u8(has) || has > 1 || !in.varint(first) || !in.bytes(text) || first > text.size()) return false;
    s = {has != 0, static_cast<std::size_t>(first), std::string(text)};
    return true;
  }
  std::size_t extra_bytes(const State& s) const { return s.text.capacity(); }
  DataType result() const { return {type}; }
};

}  // namespace

std::unique_ptr<AggregateStates> make_count_star(TypeId) { return std::make_unique<GroupStates<Count<true>>>(Count<true>{}); }
std::unique_ptr<AggregateStates> make_count(TypeId) { return std::make_unique<GroupStates<Count<false>>>(Count<false>{}); }
std::unique_ptr<AggregateStates> make_min(TypeId t) { return std::make_unique<Extreme>(t, true); }
std::unique_ptr<AggregateStates> make_max(TypeId t) { return std::make_unique<Extreme>(t, false); }
std::unique_ptr<AggregateStates> make_bool_and(TypeId) { return std::make_unique<GroupStates<Booleans<true>>>(Booleans<true>{}); }
std::unique_ptr<AggregateStates> make_bool_or(TypeId) {
  return std::make_unique<GroupStates<Booleans<false>>>(Booleans<false>{});
}
std::unique_ptr<AggregateStates> make_string_agg(TypeId t) { return std::make_unique<GroupStates<StringAgg>>(StringAgg{t}); }
std::unique_ptr<AggregateStates> make_bit_and(TypeId t) { return make_bits<BitOp::kAnd>(t); }
std::unique_ptr<AggregateStates> make_bit_or(TypeId t) { return make_bits<BitOp::kOr>(t); }
std::unique_ptr<AggregateStates> make_bit_xor(TypeId t) { return make_bits<BitOp::kXor>(t); }

}  // namespace ldb::sql
