#include "sql/expr/aggregate.hpp"

#include <algorithm>

#include "sql/expr/aggregate_states.hpp"
#include "sql/expr/overload_choice.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

using Maker = std::unique_ptr<AggregateStates> (*)(TypeId);

AggregateFunction overload(const char* name, std::vector<TypeId> arguments, TypeId result, Maker make) {
  AggregateFunction f;
  f.name = name;
  f.arguments = std::move(arguments);
  f.result = result;
  f.make = make;
  return f;
}

struct Pair {
  TypeId argument;
  TypeId result;
};

/// All overloads, made once; immutable.
const std::vector<AggregateFunction>& aggregates() {
  static const std::vector<AggregateFunction> all = [] {
    using T = TypeId;
    std::vector<AggregateFunction> list;
    list.push_back(overload("count", {}, T::kBigInt, make_count_star));
    list.push_back(overload("count", {T::kNull}, T::kBigInt, make_count));
    for (const Pair p : {Pair{T::kSmallInt, T::kBigInt},
                         {T::kInteger, T::kBigInt},
                         {T::kBigInt, T::kNumeric},
                         {T::kNumeric, T::kNumeric},
                         {T::kReal, T::kReal},
                         {T::kDouble, T::kDouble},
                         {T::kInterval, T::kInterval}}) {
      list.push_back(overload("sum", {p.argument}, p.result, make_sum));
    }
    for (const Pair p : {Pair{T::kSmallInt, T::kNumeric},
                         {T::kInteger, T::kNumeric},
                         {T::kBigInt, T::kNumeric},
                         {T::kNumeric, T::kNumeric},
                         {T::kReal, T::kDouble},
                         {T::kDouble, T::kDouble},
                         {T::kInterval, T::kInterval}}) {
      list.push_back(overload("avg", {p.argument}, p.result, make_avg));
    }
    for (const TypeId t : {T::kSmallInt, T::kInteger, T::kBigInt, T::kReal, T::kDouble, T::kNumeric, T::kText, T::kChar, T::kDate,
                           T::kTimestamp, T::kInterval}) {
      for (const bool least : {true, false}) {
        AggregateFunction f = overload(least ? "min" : "max", {t}, t, least ? make_min : make_max);
        f.same_type = true;
        f.ignores_duplicates = true;
        list.push_back(std::move(f));
      }
    }
    for (const char* name : {"bool_and", "every", "bool_or"}) {
      AggregateFunction f =
          overload(name, {T::kBoolean}, T::kBoolean, std::string_view(name) == "bool_or" ? make_bool_or : make_bool_and);
      f.ignores_duplicates = true;
      list.push_back(std::move(f));
    }
    for (const TypeId t : {T::kText, T::kBytea}) {
      AggregateFunction f = overload("string_agg", {t, t}, t, make_string_agg);
      f.order_sensitive = true;
      list.push_back(std::move(f));
    }
    for (const TypeId t : {T::kSmallInt, T::kInteger, T::kBigInt}) {
      list.push_back(overload("bit_and", {t}, t, make_bit_and));
      list.push_back(overload("bit_or", {t}, t, make_bit_or));
      list.push_back(overload("bit_xor", {t}, t, make_bit_xor));
    }
    const std::pair<const char*, Maker> spreads[] = {{"var_pop", make_var_pop},         {"var_samp", make_var_samp},
                                                     {"variance", make_var_samp},       {"stddev_pop", make_stddev_pop},
                                                     {"stddev_samp", make_stddev_samp}, {"stddev", make_stddev_samp}};
    for (const auto& [name, make] : spreads) {
      for (const TypeId t : {T::kSmallInt, T::kInteger, T::kBigInt, T::kNumeric})
        list.push_back(overload(name, {t}, T::kNumeric, make));
      for (const TypeId t : {T::kReal, T::kDouble}) list.push_back(overload(name, {t}, T::kDouble, make));
    }
    for (const PairAggregate& pair : pair_aggregates()) {
      const TypeId result = std::string_view(pair.name) == "regr_count" ? T::kBigInt : T::kDouble;
      list.push_back(overload(pair.name, {T::kDouble, T::kDouble}, result, pair.make));
    }
    return list;
  }();
  return all;
}

}  // namespace

bool is_aggregate(std::string_view name) {
  return std::any_of(aggregates().begin(), aggregates().end(), [name](const AggregateFunction& f) { return f.name == name; });
}

Result<ResolvedAggregate> resolve_aggregate(std::string_view name, std::span<const DataType> arguments, bool star) {
  std::string call = std::string(name) + "(";
  std::vector<TypeId> ids;
  for (const DataType& t : arguments) {
    if (!ids.empty()) call += ", ";
    ids.push_back(t.id);
    call += DataType{t.id}.to_string();
  }
  call += star ? "*)" : ")";
  std::vector<Candidate> candidates;
  for (const AggregateFunction& f : aggregates()) {
    if (f.name != name) continue;
    if (star && f.arguments.empty()) return ResolvedAggregate{&f, {}, DataType{f.result}};
    if (!star && f.arguments.size() == arguments.size() && !f.arguments.empty()) candidates.push_back({f.arguments, &f});
  }
  if (!star && arguments.empty() && name == "count") {
    return invalid("42809", "count(*) must be used to call a parameterless aggregate function");
  }
  const Choice choice = choose_overload(candidates, ids, false);
  if (choice.candidate == nullptr) {
    if (choice.ambiguous) {
      return invalid("42725", "function " + call + " is not unique")
          .with_detail("Could not choose a best candidate function. You might need to add explicit type casts.");
    }
    return invalid("42883", "function " + call + " does not exist")
        .with_detail("No function matches the given name and argument types. You might need to add explicit type casts.");
  }
  const auto& f = *static_cast<const AggregateFunction*>(choice.candidate->what);
  return ResolvedAggregate{&f, f.arguments, DataType{f.result}};
}

}  // namespace ldb::sql
