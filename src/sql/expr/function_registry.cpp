#include "sql/expr/function_registry.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "sql/expr/overload_choice.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {

struct FunctionRegistry::Table {
  std::deque<Function> functions;  // stable addresses
  std::unordered_map<std::string, std::vector<const Function*>> by_name;
  std::unordered_map<std::string, std::vector<const Function*>> operators;
};

FunctionRegistry::FunctionRegistry() : table_(std::make_unique<Table>()) {
  register_arithmetic_operators(*this);
  register_math_functions(*this);
  register_text_functions(*this);
  register_encoding_functions(*this);
  register_datetime_functions(*this);
  register_format_functions(*this);
  register_regex_functions(*this);
  register_system_functions(*this);
}
FunctionRegistry::~FunctionRegistry() = default;

void FunctionRegistry::add(Function function) {
  table_->functions.push_back(std::move(function));
  const Function& f = table_->functions.back();
  (f.is_operator ? table_->operators : table_->by_name)[f.name].push_back(&f);
}

bool FunctionRegistry::has_function(std::string_view name) const { return table_->by_name.contains(std::string(name)); }

void FunctionRegistry::for_each(const std::function<void(const Function&)>& f) const {
  for (const Function& function : table_->functions) f(function);
}

namespace {

std::string argument_list(std::span<const DataType> arguments) {
  std::string out;
  for (const DataType& t : arguments) {
    if (!out.empty()) out += ", ";
    out += DataType{t.id}.to_string();
  }
  return out;
}

std::vector<Candidate> candidates_of(const std::vector<const Function*>& functions, std::size_t count) {
  std::vector<Candidate> out;
  for (const Function* f : functions) {
    if (f->variadic ? count < f->arguments.size() : count != f->arguments.size()) continue;
    Candidate c{f->arguments, f};
    while (c.arguments.size() < count) c.arguments.push_back(f->arguments.back());
    out.push_back(std::move(c));
  }
  return out;
}

std::vector<TypeId> ids_of(std::span<const DataType> types) {
  std::vector<TypeId> out;
  for (const DataType& t : types) out.push_back(t.id);
  return out;
}

Resolved resolved(const Candidate& c) { return {static_cast<const Function*>(c.what), c.arguments}; }

}  // namespace

Result<Resolved> FunctionRegistry::resolve_function(std::string_view name, std::span<const DataType> arguments) const {
  const auto found = table_->by_name.find(std::string(name));
  const std::string call = std::string(name) + "(" + argument_list(arguments) + ")";
  const auto missing = [&] {
    return invalid("42883", "function " + call + " does not exist")
        .with_detail("No function matches the given name and argument types. You might need to add explicit type casts.");
  };
  if (found == table_->by_name.end()) return missing();
  const std::vector<Candidate> candidates = candidates_of(found->second, arguments.size());
  const Choice choice = choose_overload(candidates, ids_of(arguments), false);
  if (choice.candidate != nullptr) return resolved(*choice.candidate);
  if (!choice.ambiguous) return missing();
  return invalid("42725", "function " + call + " is not unique")
      .with_detail("Could not choose a best candidate function. You might need to add explicit type casts.");
}

Result<Resolved> FunctionRegistry::resolve_operator(std::string_view symbol, std::span<const DataType> arguments) const {
  const std::string left = arguments.size() == 2 ? DataType{arguments[0].id}.to_string() + " " : std::string();
  const std::string call = left + std::string(symbol) + " " + DataType{arguments.back().id}.to_string();
  const auto missing = [&] {
    return invalid("42883", "operator does not exist: " + call)
        .with_detail("No operator matches the given name and argument types. You might need to add explicit type casts.");
  };
  std::vector<Candidate> candidates;
  if (is_comparison_symbol(symbol) && arguments.size() == 2) {
    candidates = comparison_candidates();
  } else {
    const auto found = table_->operators.find(std::string(symbol));
    if (found == table_->operators.end()) return missing();
    candidates = candidates_of(found->second, arguments.size());
  }
  const Choice choice = choose_overload(candidates, ids_of(arguments), true);
  if (choice.candidate != nullptr) return resolved(*choice.candidate);
  if (!choice.ambiguous) return missing();
  return invalid("42725", "operator is not unique: " + call)
      .with_detail("Could not choose a best candidate operator. You might need to add explicit type casts.");
}

}  // namespace ldb::sql
