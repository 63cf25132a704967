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
  met_rows.clear();
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

CommonTable& common_table(std::size_t cte, ExecContext& context) {
  if (context.common_tables[cte] == nullptr) {
    const PhysicalPlan& plan = *context.statement->ctes[cte].plan;
    auto table = std::make_unique<CommonTable>();
    table->rows = RowBuffer(plan.types, context.memory_use("a WITH query"));
    table->source = open(plan, context);
    context.common_tables[cte] = std::move(table);
  }
  return *context.common_tables[cte];
}

Result<bool> fetch_more(CommonTable& table, ExecContext& context) {
  if (table.source == nullptr) return false;
  LDB_TRY(context.check_interrupt());
  Batch batch;
  LDB_ASSIGN_OR_RETURN(const bool more, table.source->next(batch));
  if (!more) {
    table.source = nullptr;
    return false;
  }
  LDB_TRY(table.rows.append(batch));
  return true;
}

Status ExecContext::interrupted() const {
  if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
    return Status::sql(StatusCode::kAborted, "57014", "canceling statement due to user request");
  }
  if (deadline_ns != 0 && rt::monotonic_ns() >= deadline_ns) {
    return Status::sql(StatusCode::kTimeout, "57014", "canceling statement due to statement timeout");
  }
  return {};
}

Status run_statement(const PhysicalStatement& statement, ExecContext& context, const std::function<Status(const Batch&)>& sink) {
  LDB_TRY(run_to_end(*statement.root, context, sink));
  // What nobody read to its end, or at all, is done none the less.
  for (std::size_t cte = 0; cte < statement.ctes.size(); ++cte) {
    if (!statement.ctes[cte].has_side_effects) continue;
    CommonTable& table = common_table(cte, context);
    for (bool more = true; more;) {
      LDB_ASSIGN_OR_RETURN(more, fetch_more(table, context));
    }
  }
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
    LDB_TRY(context.check_interrupt());
    LDB_ASSIGN_OR_RETURN(const bool more, op->next(batch));
    if (!more) return {};
    LDB_TRY(sink(batch));
  }
}

}  // namespace ldb::sql
