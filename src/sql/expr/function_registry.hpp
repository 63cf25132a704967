// Scalar functions and operators by name, and the choice among overloads.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/expr/batch.hpp"
#include "sql/types/cast.hpp"

namespace ldb::sql {

struct EvalContext;

enum class Volatility : std::uint8_t { kImmutable, kStable, kVolatile };

/// One overload. Immutable once registered.
struct Function {
  /// Computes `rows`. `out` is reset to the result type beforehand; arguments may be constant. A strict function sees only rows
  /// without NULL arguments (the others are NULL already). With all arguments constant and not volatile it is called once, for
  /// row 0.
  using Body =
      std::function<Status(std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out)>;

  std::string name;
  std::vector<TypeId> arguments;
  TypeId result = TypeId::kNull;
  bool variadic = false;  ///< The last argument may be repeated (concat); each of any type if it is kNull.
  bool strict = true;
  bool is_operator = false;
  Volatility volatility = Volatility::kImmutable;
  Body body;
};

/// The outcome of overload choice. Arguments must be coerced (implicitly) to `argument_types` first.
struct Resolved {
  const Function* function = nullptr;
  std::vector<TypeId> argument_types;  ///< One per actual argument.
};

/// Filled at start, then read by any thread. Function pointers stay valid as long as the registry.
class FunctionRegistry {
 public:
  /// With all built-in functions.
  FunctionRegistry();
  ~FunctionRegistry();
  FunctionRegistry(const FunctionRegistry&) = delete;
  FunctionRegistry& operator=(const FunctionRegistry&) = delete;

  /// Adds an overload (session functions of the executor).
  void add(Function function);

  /// PostgreSQL's rules (chapter 10.3): exact match, then implicit casts, preferred types, unknown literals as strings.
  /// 42883 none fits (the message lists the argument types), 42725 ambiguous.
  Result<Resolved> resolve_function(std::string_view name, std::span<const DataType> arguments) const;
  /// Chapter 10.2, for arithmetic, ||, bit and text operators; comparisons too ("=", "<"): then `function` is null and only the
  /// types count. One argument: prefix operator.
  Result<Resolved> resolve_operator(std::string_view symbol, std::span<const DataType> arguments) const;
  bool has_function(std::string_view name) const;
  /// All overloads, by name; for \df and pg_proc.
  void for_each(const std::function<void(const Function&)>& f) const;

 private:
  struct Table;
  std::unique_ptr<Table> table_;
};

/// Registers the built-ins of one file each.
void register_math_functions(FunctionRegistry& registry);
void register_arithmetic_operators(FunctionRegistry& registry);
void register_text_functions(FunctionRegistry& registry);
void register_encoding_functions(FunctionRegistry& registry);
void register_datetime_functions(FunctionRegistry& registry);
void register_format_functions(FunctionRegistry& registry);
void register_regex_functions(FunctionRegistry& registry);
void register_system_functions(FunctionRegistry& registry);

}  // namespace ldb::sql
