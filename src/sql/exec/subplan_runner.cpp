#include "sql/exec/subplan_runner.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "sql/exec/exec_context.hpp"
#include "sql/expr/vector_ops.hpp"
#include "sql/types/cell_codec.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kMaxCachedRows = 1 << 20;
constexpr std::size_t kEntryBytes = 64;  // of an entry in the cache, beside key and outcome
constexpr std::size_t kWorthDropping = std::size_t{64} << 10;

Status too_many_rows() {
  return Status::sql(StatusCode::kInvalidArgument, "21000", "more than one row returned by a subquery used as an expression");
}

bool holds(CompareOp op, int order) {
  switch (op) {
    case CompareOp::kEqual:
      return order == 0;
    case CompareOp::kNotEqual:
      return order != 0;
    case CompareOp::kLess:
      return order < 0;
    case CompareOp::kLessEqual:
      return order <= 0;
    case CompareOp::kGreater:
      return order > 0;
    case CompareOp::kGreaterEqual:
      return order >= 0;
  }
  return false;
}

}  // namespace

SubplanRunner::SubplanRunner(const PhysicalStatement& statement, ExecContext& context)
    : statement_(statement), context_(context), states_(statement.subplans.size()) {}

void SubplanRunner::forget(std::size_t recursion) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const auto& on = statement_.subplans[i].recursions;
    if (std::find(on.begin(), on.end(), recursion) != on.end()) states_[i] = State();
  }
}

Status SubplanRunner::run(const PhysicalSubplan& subplan, Outcome& outcome) {
  const bool by_set = (subplan.kind == SubplanKind::kAny && subplan.op == CompareOp::kEqual) ||
                      (subplan.kind == SubplanKind::kAll && subplan.op == CompareOp::kNotEqual);
  const std::unique_ptr<Operator> op = open(*subplan.plan, context_);
  Batch batch;
  std::vector<std::uint32_t> numbers(kBatchRows);
  for (;;) {
    LDB_TRY(context_.check_interrupt());
    LDB_ASSIGN_OR_RETURN(const bool more, op->next(batch));
    if (!more) return {};
    const RowSet rows = batch.rows();
    switch (subplan.kind) {
      case SubplanKind::kExists:
        outcome.exists = true;
        return {};
      case SubplanKind::kScalar:
        if (outcome.exists || rows.count > 1) {
          return too_many_rows();
        }
        outcome.exists = true;
        outcome.scalar = batch.columns[0].value(rows[0]);
        break;
      case SubplanKind::kAny:
      case SubplanKind::kAll: {
        if (subplan.single_row && (outcome.exists || rows.count > 1)) return too_many_rows();
        outcome.exists = true;
        if (!by_set) {
          if (!outcome.rows) outcome.rows = std::make_unique<RowBuffer>(subplan.plan->types, context_.memory_use("a subquery"));
          LDB_TRY(outcome.rows->append(batch));
          break;
        }
        if (!outcome.set) outcome.set = std::make_unique<RowNumbering>(subplan.plan->types, context_.memory_use("a subquery"));
        std::vector<std::uint16_t> whole;
        rows.for_each([&](std::size_t row) {
          const bool null =
              std::any_of(batch.columns.begin(), batch.columns.end(), [&](const ColumnVector& c) { return c.is_null(row); });
          if (!null) whole.push_back(static_cast<std::uint16_t>(row));
          outcome.has_null = outcome.has_null || null;
        });
        LDB_TRY(outcome.set->add(batch.columns, RowSet::of(whole), numbers, nullptr));
        if (outcome.has_null && batch.columns.size() > 1) {  // partly NULL rows need a closer look
          if (!outcome.rows) outcome.rows = std::make_unique<RowBuffer>(subplan.plan->types, context_.memory_use("a subquery"));
          LDB_TRY(outcome.rows->append(batch));
        }
        break;
      }
    }
  }
}

/// Three-valued ANY or ALL of one row of operands over the outcome.
Value SubplanRunner::test(const PhysicalSubplan& subplan, const Outcome& outcome, std::span<const ColumnVector> operands,
                          std::size_t row) {
  const bool all = subplan.kind == SubplanKind::kAll;
  const Value unknown(TypeId::kBoolean, {});
  if (!outcome.exists) return subplan.single_row ? unknown : Value(all);
  const bool operand_null = std::any_of(operands.begin(), operands.end(), [&](const ColumnVector& c) { return c.is_null(row); });
  if (outcome.set != nullptr && !outcome.rows) {
    if (operand_null && operands.size() == 1) return unknown;
    if (!operand_null) {
      std::uint32_t number[kBatchRows];
      const auto index = static_cast<std::uint16_t>(row);
      outcome.set->find(operands, RowSet::of(std::span<const std::uint16_t>(&index, 1)), std::span<std::uint32_t>(number));
      if (number[row] != RowBuffer::kNoRow) return Value(!all);
      return outcome.has_null ? unknown : Value(all);
    }
  }
  const RowBuffer& rows = outcome.rows ? *outcome.rows : outcome.set->rows();
  bool saw_unknown = false;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    // Rows: = and <> look at all fields, where one that differs decides whatever the others are; an order goes field by field,
    // and a NULL before the decision makes it unknown.
    const bool ordered = subplan.op != CompareOp::kEqual && subplan.op != CompareOp::kNotEqual;
    int order = 0;
    bool field_unknown = false;
    for (std::size_t c = 0; c < operands.size() && order == 0; ++c) {
      if (operands[c].is_null(row) || rows.column(c).is_null(r)) {
        field_unknown = true;
        if (ordered) break;
      } else {
        order = compare_elements(operands[c], row, rows.column(c), r);
      }
    }
    if (order == 0 && field_unknown) {
      saw_unknown = true;
      continue;
    }
    const bool result = holds(subplan.op, order);
    if (result != all) return Value(!all);
  }
  return saw_unknown ? unknown : Value(all);
}

Result<const SubplanRunner::Outcome*> SubplanRunner::outcome_for(std::size_t id, std::span<const Value> outer, Outcome& scratch) {
  const PhysicalSubplan& subplan = statement_.subplans[id];
  State& state = states_[id];
  std::string key;
  for (const Value& value : outer) {
    put_u8(key, value.is_null() ? 0 : 1);
    if (!value.is_null()) encode_cell(value, key);
  }
  const bool cached = !subplan.is_volatile || subplan.slots.empty();
  if (const auto found = state.cache.find(key); cached && found != state.cache.end()) return &found->second;
  // The inner run may evaluate this very subplan's siblings with the same slots, so slots are set last and restored after.
  std::vector<Value> saved;
  for (std::size_t i = 0; i < subplan.slots.size(); ++i) {
    saved.push_back(context_.slots[subplan.slots[i]]);
    context_.set_slot(subplan.slots[i], outer[i]);
  }
  const Status status = run(subplan, scratch);
  for (std::size_t i = 0; i < subplan.slots.size(); ++i) context_.set_slot(subplan.slots[i], std::move(saved[i]));
  LDB_TRY(status);
  if (!cached) return &scratch;
  state.cached_rows += 1 + (scratch.rows ? scratch.rows->size() : 0) + (scratch.set ? scratch.set->rows().size() : 0);
  // What is kept only saves time: near a bound it goes, before anything fails.
  const bool tight = context_.memory != nullptr && context_.memory->used_bytes() > context_.memory->limit_bytes() / 2;
  if (state.cached_rows > kMaxCachedRows || (tight && state.memory.held_bytes() > kWorthDropping)) {
    state.cache.clear();
    state.memory.clear();
    state.cached_rows = 0;
  }
  if (state.memory.budget() == nullptr) state.memory = context_.memory_use("a subquery");
  LDB_TRY(state.memory.add(sizeof(Outcome) + kEntryBytes + key.capacity() + memory_bytes(scratch.scalar)));
  return &(state.cache[std::move(key)] = std::move(scratch));
}

Status SubplanRunner::evaluate(const SubplanExpression& e, const Batch& input, RowSet rows, EvalContext& context,
                               ColumnVector& out) {
  const PhysicalSubplan& subplan = statement_.subplans[e.id];
  std::vector<ColumnVector> children(e.children.size());
  for (std::size_t i = 0; i < children.size(); ++i) {
    LDB_TRY(sql::evaluate(*e.children[i], input, rows, context, children[i]));
  }
  const std::span<const ColumnVector> operands(children.data(), subplan.operand_count);
  const std::span<const ColumnVector> outer(children.data() + subplan.operand_count, children.size() - subplan.operand_count);
  out.reset(e.type, std::max<std::size_t>(input.row_count, 1));
  std::vector<Value> values(outer.size());
  const Outcome* outcome = nullptr;
  Outcome scratch;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const std::size_t row = rows[i];
    if (outcome == nullptr || !outer.empty()) {
      for (std::size_t c = 0; c < outer.size(); ++c) values[c] = outer[c].value(row);
      scratch = Outcome();
      LDB_ASSIGN_OR_RETURN(outcome, outcome_for(e.id, values, scratch));
    }
    Value result;
    switch (subplan.kind) {
      case SubplanKind::kExists:
        result = Value(outcome->exists);
        break;
      case SubplanKind::kScalar:
        result = outcome->scalar;
        break;
      case SubplanKind::kAny:
      case SubplanKind::kAll:
        result = test(subplan, *outcome, operands, row);
        break;
    }
    if (result.is_null()) {
      out.set_null(row);
    } else {
      out.set_value(row, result);
    }
  }
  return {};
}

}  // namespace ldb::sql
