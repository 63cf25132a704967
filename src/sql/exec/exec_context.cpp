#include "sql/exec/exec_context.hpp"

#include <algorithm>

#include "base/rt/rt.hpp"
#include "sql/exec/row_writer.hpp"
#include "sql/exec/subplan_runner.hpp"

namespace ldb::sql {
namespace {

/// Counts rows and time of a node for EXPLAIN ANALYZE; time includes the children's.
class MeasuredOperator final : public Operator {
 public:
  MeasuredOperator(std::unique_ptr<Operator> inner, OperatorStatistics& statistics)
      : inner_(std::move(inner)), statistics_(statistics) {
    ++statistics_.loops;
  }
  Result<bool> next(Batch& out) override {
    const std::int64_t start = rt::monotonic_ns();
    auto more = inner_->next(out);
    statistics_.time_ns += rt::monotonic_ns() - start;
    if (more && *more) statistics_.rows += out.selected_count();
    return more;
  }

 private:
  std::unique_ptr<Operator> inner_;
  OperatorStatistics& statistics_;
};

}  // namespace

std::unique_ptr<Operator> open(const PhysicalPlan& plan, ExecContext& context) {
  if (!context.measure) return plan.make_operator(context);
  return std::make_unique<MeasuredOperator>(plan.make_operator(context), context.statistics[&plan]);
}

ExecContext::ExecContext() = default;
ExecContext::~ExecContext() = default;

void ExecContext::start(const PhysicalStatement& physical, std::span<const Value> values) {
  statement = &physical;
  slots.assign(values.begin(), values.end());
  slots.resize(std::max(physical.slot_count, slots.size()));
  parameters = slots;
  common_tables.clear();
  common_tables.resize(physical.ctes.size());
  working_tables.assign(physical.ctes.size(), nullptr);
  runner = std::make_unique<SubplanRunner>(physical, *this);
  subplans = runner.get();
  writer = std::make_unique<RowWriter>(*this);
  deferred.clear();
  affected = 0;
  statistics.clear();
  statistics.reserve(256);
}

void forget_dependents(std::size_t recursion, ExecContext& context) {
  const auto& ctes = context.statement->ctes;
  for (std::size_t cte = 0; cte < ctes.size(); ++cte) {
    const auto& on = ctes[cte].recursions;
    if (std::find(on.begin(), on.end(), recursion) != on.end()) context.common_tables[cte] = nullptr;
  }
  context.runner->forget(recursion);
}

Status materialize(std::size_t cte, ExecContext& context) {
  std::unique_ptr<RowBuffer>& shared = context.common_tables[cte];
  if (shared != nullptr) return {};
  const PhysicalPlan& source = *context.statement->ctes[cte].plan;
  auto filled = std::make_unique<RowBuffer>(source.types);
  LDB_TRY(run_to_end(source, context, [&](const Batch& batch) {
    filled->append(batch);
    return Status();
  }));
  shared = std::move(filled);
  return {};
}

Status run_statement(const PhysicalStatement& statement, ExecContext& context, const std::function<Status(const Batch&)>& sink) {
  for (std::size_t cte = 0; cte < statement.ctes.size(); ++cte) {
    if (statement.ctes[cte].has_side_effects) LDB_TRY(materialize(cte, context));
  }
  LDB_TRY(run_to_end(*statement.root, context, sink));
  for (const auto& write : context.deferred) {
    const Status status = write();
    // Another part of the statement has deleted the row: the first change counts.
    if (!status && !(status.code() == StatusCode::kNotFound && status.sqlstate() != "42P01")) return status;
  }
  return context.writer->finish();
}

Status run_to_end(const PhysicalPlan& plan, ExecContext& context, const std::function<Status(const Batch&)>& sink) {
  const std::unique_ptr<Operator> op = open(plan, context);
  Batch batch;
  for (;;) {
    LDB_ASSIGN_OR_RETURN(const bool more, op->next(batch));
    if (!more) return {};
    LDB_TRY(sink(batch));
  }
}

}  // namespace ldb::sql
