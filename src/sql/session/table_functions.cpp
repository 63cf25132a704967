// Set-returning functions, and where virtual tables are found.
#include <algorithm>

#include "sql/exec/exec_context.hpp"
#include "sql/expr/build.hpp"
#include "sql/session/shared.hpp"
#include "sql/session/virtual_tables.hpp"

namespace ldb::sql {
namespace {

DataType plain(TypeId id) { return {id, -1, 0}; }

Status zero_step() { return Status::sql(StatusCode::kInvalidArgument, "22023", "step size cannot equal zero"); }

RowGenerator no_rows() {
  return [](std::vector<Value>&) -> Result<bool> { return false; };
}
bool any_null(std::span<const Value> values) {
  return std::any_of(values.begin(), values.end(), [](const Value& v) { return v.is_null(); });
}

Result<RowGenerator> integer_series(std::span<const Value> a, TypeId type) {
  if (any_null(a)) return no_rows();
  LDB_ASSIGN_OR_RETURN(const std::int64_t start, a[0].as<std::int64_t>());
  LDB_ASSIGN_OR_RETURN(const std::int64_t end, a[1].as<std::int64_t>());
  std::int64_t step = 1;
  if (a.size() > 2) {
    LDB_ASSIGN_OR_RETURN(step, a[2].as<std::int64_t>());
  }
  if (step == 0) return zero_step();
  return RowGenerator([type, at = start, end, step, ended = false](std::vector<Value>& row) mutable -> Result<bool> {
    if (ended || (step > 0 ? at > end : at < end)) return false;
    row.assign(1, Value(type, Value::Storage(at)));
    ended = __builtin_add_overflow(at, step, &at);
    return true;
  });
}

/// NUMERIC and TIMESTAMP, by the ordinary operators.
class GeneralSeries {
 public:
  static Result<RowGenerator> open(std::span<const Value> a, ExecContext& context) {
    if (any_null(a)) return no_rows();
    GeneralSeries series(context, a[0], a[1], a.size() > 2 ? a[2] : Value(Decimal{1, 0}));
    LDB_ASSIGN_OR_RETURN(const Value next, series.compute("+", series.at_, series.step_));
    LDB_ASSIGN_OR_RETURN(const Value moved, series.compute("<>", next, series.at_));
    if (!std::get<bool>(moved.storage())) return zero_step();
    LDB_ASSIGN_OR_RETURN(const Value grows, series.compute(">", next, series.at_));
    series.inside_ = std::get<bool>(grows.storage()) ? "<=" : ">=";
    return RowGenerator([series](std::vector<Value>& row) mutable { return series.next(row); });
  }

 private:
  GeneralSeries(ExecContext& context, Value at, Value end, Value step)
      : context_(&context), at_(std::move(at)), end_(std::move(end)), step_(std::move(step)) {}

  Result<bool> next(std::vector<Value>& row) {
    if (started_) {
      LDB_ASSIGN_OR_RETURN(at_, compute("+", at_, step_));
    }
    started_ = true;
    LDB_ASSIGN_OR_RETURN(const Value inside, compute(inside_, at_, end_));
    if (!std::get<bool>(inside.storage())) {
      started_ = false;  // stays where it is
      return false;
    }
    row.assign(1, at_);
    return true;
  }
  Result<Value> compute(std::string_view op, const Value& l, const Value& r) const {
    BuildContext build;
    build.functions = context_->functions;
    LDB_ASSIGN_OR_RETURN(
        auto e, make_operator(build, op, make_typed_constant(plain(l.type()), l), make_typed_constant(plain(r.type()), r)));
    return evaluate_scalar(*e, *context_);
  }

  ExecContext* context_;
  Value at_, end_, step_;
  const char* inside_ = "<=";
  bool started_ = false;
};

/// Characters one by one (without a delimiter), or the parts between delimiters.
Result<RowGenerator> split_text(std::span<const Value> a) {
  if (a[0].is_null()) return no_rows();
  LDB_ASSIGN_OR_RETURN(std::string text, a[0].as<std::string>());
  if (text.empty()) return no_rows();
  if (a[1].is_null()) {
    return RowGenerator([text = std::move(text), at = std::size_t{0}](std::vector<Value>& row) mutable -> Result<bool> {
      if (at >= text.size()) return false;
      std::size_t end = at + 1;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
      row.assign(1, Value(text.substr(at, end - at)));
      at = end;
      return true;
    });
  }
  LDB_ASSIGN_OR_RETURN(std::string mark, a[1].as<std::string>());
  return RowGenerator(
      [text = std::move(text), mark = std::move(mark), at = std::size_t{0}](std::vector<Value>& row) mutable -> Result<bool> {
        if (at == std::string::npos) return false;
        const std::size_t found = mark.empty() ? std::string::npos : text.find(mark, at);
        row.assign(1, Value(text.substr(at, found == std::string::npos ? found : found - at)));
        at = found == std::string::npos ? found : found + mark.size();
        return true;
      });
}

std::shared_ptr<const TableFunction> series(TypeId type) {
  auto function = std::make_shared<TableFunction>();
  function->name = "generate_series";
  function->columns.push_back({0, "generate_series", plain(type)});
  if (is_integer_type(type)) {
    function->open = [type](std::span<const Value> a, ExecContext&) { return integer_series(a, type); };
  } else {
    function->open = GeneralSeries::open;
  }
  function->estimated_rows = 1000;
  return function;
}

class TableFunctions final : public TableFunctionSource {
 public:
  explicit TableFunctions(SharedState& shared) : tables_(make_virtual_tables(shared)) {}

  std::shared_ptr<const TableFunction> find_table(std::string_view schema, std::string_view name) const override {
    const auto found = tables_.find(std::string(schema) + "." + std::string(name));
    return found == tables_.end() ? nullptr : found->second;
  }

  Result<std::shared_ptr<const TableFunction>> find_function(BuildContext& build, std::string_view name,
                                                             std::vector<ExpressionPtr>& arguments,
                                                             std::uint32_t position) const override {
    if (name == "generate_series") return generate_series(build, arguments, position);
    if (name == "string_to_table") {
      if (arguments.size() != 2) return none_fits(name, arguments, position);
      for (ExpressionPtr& e : arguments) {
        LDB_ASSIGN_OR_RETURN(e, coerce(build, std::move(e), plain(TypeId::kText), CastContext::kImplicit, position));
      }
      auto function = std::make_shared<TableFunction>();
      function->name = name;
      function->columns.push_back({0, "string_to_table", plain(TypeId::kText)});
      function->open = [](std::span<const Value> a, ExecContext&) { return split_text(a); };
      return std::shared_ptr<const TableFunction>(function);
    }
    return std::shared_ptr<const TableFunction>();
  }

 private:
  static Status none_fits(std::string_view name, std::span<const ExpressionPtr> arguments, std::uint32_t position) {
    std::string types;
    for (const ExpressionPtr& e : arguments)
      types += (types.empty() ? "" : ", ") + (e->type.id == TypeId::kNull ? std::string("unknown") : e->type.to_string());
    return bind_error("42883", "function " + std::string(name) + "(" + types + ") does not exist", position);
  }

  static Result<std::shared_ptr<const TableFunction>> generate_series(BuildContext& build, std::vector<ExpressionPtr>& arguments,
                                                                      std::uint32_t position) {
    if (arguments.size() < 2 || arguments.size() > 3) return none_fits("generate_series", arguments, position);
    TypeId type = TypeId::kNull;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const TypeId own = arguments[i]->type.id;
      if (own == TypeId::kNull || own == TypeId::kInterval) continue;
      TypeId wanted = own == TypeId::kSmallInt ? TypeId::kInteger : own == TypeId::kDate ? TypeId::kTimestamp : own;
      if (wanted != TypeId::kInteger && wanted != TypeId::kBigInt && wanted != TypeId::kNumeric && wanted != TypeId::kTimestamp) {
        return none_fits("generate_series", arguments, position);
      }
      if (type == TypeId::kTimestamp && wanted != type) return none_fits("generate_series", arguments, position);
      if (type == TypeId::kNull || static_cast<int>(wanted) > static_cast<int>(type)) type = wanted;
    }
    if (type == TypeId::kNull) {
      if (arguments.size() == 3 && arguments[2]->type.id == TypeId::kInterval) {
        type = TypeId::kTimestamp;
      } else {
        return Status::sql(StatusCode::kInvalidArgument, "42725", "function generate_series(unknown, unknown) is not unique",
                           position);
      }
    }
    if (type == TypeId::kTimestamp && arguments.size() != 3) return none_fits("generate_series", arguments, position);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const TypeId to = type == TypeId::kTimestamp && i == 2 ? TypeId::kInterval : type;
      LDB_ASSIGN_OR_RETURN(arguments[i], coerce(build, std::move(arguments[i]), plain(to), CastContext::kImplicit, position));
    }
    return series(type);
  }

  std::map<std::string, std::shared_ptr<const TableFunction>> tables_;
};

}  // namespace

std::unique_ptr<TableFunctionSource> make_table_functions(SharedState& shared) {
  return std::make_unique<TableFunctions>(shared);
}

}  // namespace ldb::sql
