// Makes vectorised function bodies out of scalar ones, by their C++ types. Internal to src/sql/expr.
//
//   add_function(r, "length", [](std::string_view s) { return std::int32_t(...); });
//
// A scalar function takes values and returns T, Result<T>, or std::string / Result<std::string> for text (copied into the
// result).
#pragma once

#include <initializer_list>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "sql/expr/evaluate.hpp"
#include "sql/expr/function_registry.hpp"

namespace ldb::sql {

/// BYTEA in signatures of kernels (TEXT is std::string_view).
struct BytesView {
  std::string_view data;
};

template <class T>
struct SqlType;
template <>
struct SqlType<bool> {
  static constexpr TypeId id = TypeId::kBoolean;
  using Stored = bool;
};
template <>
struct SqlType<std::int16_t> {
  static constexpr TypeId id = TypeId::kSmallInt;
  using Stored = std::int16_t;
};
template <>
struct SqlType<std::int32_t> {
  static constexpr TypeId id = TypeId::kInteger;
  using Stored = std::int32_t;
};
template <>
struct SqlType<std::int64_t> {
  static constexpr TypeId id = TypeId::kBigInt;
  using Stored = std::int64_t;
};
template <>
struct SqlType<float> {
  static constexpr TypeId id = TypeId::kReal;
  using Stored = float;
};
template <>
struct SqlType<double> {
  static constexpr TypeId id = TypeId::kDouble;
  using Stored = double;
};
template <>
struct SqlType<Decimal> {
  static constexpr TypeId id = TypeId::kNumeric;
  using Stored = Decimal;
};
template <>
struct SqlType<std::string_view> {
  static constexpr TypeId id = TypeId::kText;
  using Stored = std::string_view;
};
template <>
struct SqlType<std::string> {
  static constexpr TypeId id = TypeId::kText;
  using Stored = std::string_view;
};
template <>
struct SqlType<BytesView> {
  static constexpr TypeId id = TypeId::kBytea;
  using Stored = std::string_view;
};
template <>
struct SqlType<Bytes> {
  static constexpr TypeId id = TypeId::kBytea;
  using Stored = std::string_view;
};
template <>
struct SqlType<Date> {
  static constexpr TypeId id = TypeId::kDate;
  using Stored = Date;
};
template <>
struct SqlType<Timestamp> {
  static constexpr TypeId id = TypeId::kTimestamp;
  using Stored = Timestamp;
};
template <>
struct SqlType<Interval> {
  static constexpr TypeId id = TypeId::kInterval;
  using Stored = Interval;
};

/// First parameter of kernels whose result may be far longer than what they are given: to ask before making it.
struct ValueRoom {
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 30;  // of one value, as in PostgreSQL
  const EvalContext& context;
  /// 54000 for more than any value may have, 53200 for more than the statement may hold.
  Status check(std::size_t bytes) const;
};

namespace kernel {

template <class R>
struct Unwrapped {
  using type = R;
};
template <class R>
struct Unwrapped<Result<R>> {
  using type = R;
};

/// One argument: its elements, and 0 or 1 as step, so that constants need no branch in the loop.
template <class T>
struct Argument {
  using Stored = typename SqlType<T>::Stored;
  const Stored* data;
  std::size_t step;
  explicit Argument(const ColumnVector& v) : data(v.data<Stored>()), step(v.is_constant() ? 0 : 1) {}
  T operator[](std::size_t row) const {
    if constexpr (std::is_same_v<T, BytesView>) {
      return {data[row * step]};
    } else {
      return data[row * step];
    }
  }
};

/// What a scalar function gave, into the vector.
template <class T>
void store(ColumnVector& out, std::size_t row, T&& v) {
  using Plain = std::decay_t<T>;
  if constexpr (std::is_same_v<Plain, std::string>) {
    out.set_string(row, v);
  } else if constexpr (std::is_same_v<Plain, Bytes>) {
    out.set_string(row, v.data);
  } else if constexpr (std::is_same_v<Plain, BytesView>) {
    out.data<std::string_view>()[row] = v.data;
  } else {
    out.data<Plain>()[row] = std::forward<T>(v);
  }
}

template <class F, class R, class... A, std::size_t... I>
Status run(const F& f, std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out,
           std::index_sequence<I...>) {
  using Value = typename Unwrapped<R>::type;
  constexpr bool kFallible = !std::is_same_v<Value, R>;
  [[maybe_unused]] const std::tuple<Argument<A>...> in{Argument<A>(*arguments[I])...};
  if constexpr (std::is_same_v<Value, std::string_view> || std::is_same_v<Value, BytesView>) {
    // The result may be a part of an argument.
    for (const ColumnVector* v : arguments) {
      if (v->physical() == PhysicalType::kString) out.keep_alive(*v);
    }
  }
  constexpr bool kMakesStrings = std::is_same_v<Value, std::string> || std::is_same_v<Value, Bytes>;
  [[maybe_unused]] const std::size_t room = kMakesStrings ? context.string_room() : 0;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const std::size_t row = rows[i];
    if constexpr (kMakesStrings) {
      if (out.arena().memory_bytes() > room) return context.out_of_room();
    }
    if constexpr (kFallible) {
      R result = f(std::get<I>(in)[row]...);
      if (!result) return result.error();
      store(out, row, std::move(result).value());
    } else {
      store(out, row, f(std::get<I>(in)[row]...));
    }
  }
  return {};
}

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> : Signature<R (Function::*)(A...) const> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> {
  using Value = typename Unwrapped<R>::type;
  static std::vector<TypeId> arguments() { return {SqlType<std::decay_t<A>>::id...}; }
  static constexpr TypeId result = SqlType<Value>::id;
  template <class F>
  static Function::Body body(F f) {
    return [f](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) {
      return run<F, R, std::decay_t<A>...>(f, arguments, rows, context, out, std::index_sequence_for<A...>());
    };
  }
};
template <class R, class C, class... A>
struct Signature<R (C::*)(ValueRoom, A...) const> {
  using Value = typename Unwrapped<R>::type;
  static std::vector<TypeId> arguments() { return {SqlType<std::decay_t<A>>::id...}; }
  static constexpr TypeId result = SqlType<Value>::id;
  template <class F>
  static Function::Body body(F f) {
    return [f](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) {
      const auto with_room = [&](std::decay_t<A>... values) { return f(ValueRoom{context}, values...); };
      return run<decltype(with_room), R, std::decay_t<A>...>(with_room, arguments, rows, context, out,
                                                             std::index_sequence_for<A...>());
    };
  }
};

}  // namespace kernel

template <class F>
Function make_kernel(std::string name, F f) {
  using S = kernel::Signature<F>;
  Function function;
  function.name = std::move(name);
  function.arguments = S::arguments();
  function.result = S::result;
  function.body = S::body(f);
  return function;
}

template <class F>
void add_function(FunctionRegistry& r, std::string name, F f, Volatility volatility = Volatility::kImmutable) {
  Function function = make_kernel(std::move(name), f);
  function.volatility = volatility;
  r.add(std::move(function));
}
template <class F>
void add_functions(FunctionRegistry& r, std::initializer_list<const char*> names, F f) {
  for (const char* name : names) add_function(r, name, f);
}
template <class F>
void add_operator(FunctionRegistry& r, std::string symbol, F f) {
  Function function = make_kernel(std::move(symbol), f);
  function.is_operator = true;
  r.add(std::move(function));
}

}  // namespace ldb::sql
