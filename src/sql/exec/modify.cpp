#include "sql/exec/modify.hpp"

#include <algorithm>
#include <unordered_set>

#include "sql/catalog/row_codec.hpp"
#include "sql/exec/basic.hpp"
#include "sql/exec/exec_context.hpp"
#include "sql/exec/row_writer.hpp"

namespace ldb::sql {
namespace {

std::vector<Value> row_values(const Batch& batch, std::size_t row, std::size_t first, std::size_t count) {
  std::vector<Value> values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) values.push_back(batch.columns[first + i].value(row));
  return values;
}

std::string failing_row(const Batch& batch, std::size_t row, std::size_t width) {
  std::string text = "Failing row contains (";
  for (std::size_t i = 0; i < width; ++i) {
    const Value value = batch.columns[i].value(row);
    text += (i == 0 ? "" : ", ") + (value.is_null() ? std::string("null") : value.to_string());
  }
  return text + ").";
}

/// Rows of a table as a batch.
void make_batch(const Table& table, const std::vector<std::vector<Value>>& rows, std::size_t first, std::size_t count,
                Batch& out) {
  out.columns.resize(table.columns.size());
  out.clear_selection();
  out.row_count = count;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    fill_column(out.columns[i], table.columns[i].type, count,
                [&](std::size_t row) -> const Value& { return rows[first + row][i]; });
  }
}

/// Shared by the three: RETURNING's rows are made while writing and handed out afterwards.
class ModifyOperator : public Operator {
 public:
  ModifyOperator(const ModifyPlan& plan, ExecContext& context)
      : plan_(plan),
        context_(context),
        writer_(*context.writer),
        memory_(context.memory_use("a data change")),
        results_(returning_types(plan), context.memory_use("RETURNING")) {}
  Result<bool> next(Batch& out) override {
    if (!done_) {
      LDB_TRY(run());
      done_ = true;
    }
    LDB_TRY(context_.check_interrupt());
    const std::size_t count = std::min(kBatchRows, results_.size() - at_);
    if (count == 0) return false;
    gather(results_, at_, count, out);
    at_ += count;
    return true;
  }

 protected:
  virtual Status run() = 0;
  /// Now, or at the end of the statement.
  template <class F>
  Status write(F f) {
    if (!context_.statement->defer_writes) return f();
    context_.deferred.push_back(std::move(f));
    return {};
  }
  /// Before write(): counts the row if it will have to wait.
  Status keep_deferred(std::span<const Value> row) { return context_.statement->defer_writes ? keep(row) : Status(); }
  /// Evaluates RETURNING over `batch`.
  Status returning(const Batch& batch) {
    if (plan_.is_root) context_.affected += batch.selected_count();
    if (!plan_.returning.active || batch.selected_count() == 0) return {};
    Batch result;
    result.columns.resize(plan_.returning.expressions.size());
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
      LDB_TRY(evaluate(*plan_.returning.expressions[i], batch, context_, result.columns[i]));
    }
    result.row_count = batch.row_count;
    result.has_selection = batch.has_selection;
    result.selection = batch.selection;
    return results_.append(result);
  }
  Status collect_input(RowBuffer& rows) {
    return run_to_end(*plan_.children[0], context_, [&](const Batch& batch) { return rows.append(batch); });
  }
  RowBuffer input_buffer() { return RowBuffer(plan_.children[0]->types, context_.memory_use("the rows to change")); }
  /// Counts a row, or a key, that is kept until the end.
  Status keep(std::span<const Value> values) {
    std::size_t bytes = sizeof(std::vector<Value>);
    for (const Value& value : values) bytes += memory_bytes(value);
    return memory_.add(bytes);
  }
  Status keep(const std::string& key) { return memory_.add(kKeyBytes + key.size()); }
  /// False for a row that was met before: a join may bring it several times, and another part of the statement may change it too.
  Result<bool> meet(const std::string& key) {
    LDB_TRY(keep(key));
    if (!context_.statement->defer_writes) return met_.insert(key).second;
    return context_.met_rows.insert(std::to_string(plan_.table->id.value) + "/" + key).second;
  }
  static void gather(const RowBuffer& rows, std::size_t first, std::size_t count, Batch& out) {
    std::vector<std::uint32_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<std::uint32_t>(first + i);
    rows.gather(numbers, out);
  }

  const ModifyPlan& plan_;
  ExecContext& context_;
  RowWriter& writer_;

 private:
  static constexpr std::size_t kKeyBytes = 64;  // of a short key in a set
  static std::vector<DataType> returning_types(const ModifyPlan& plan) {
    std::vector<DataType> types;
    for (const ExpressionPtr& e : plan.returning.expressions) types.push_back(e->type);
    return types;
  }

  MemoryUse memory_;  // of keys and of writes that wait
  std::unordered_set<std::string> met_;
  bool done_ = false;
  RowBuffer results_;
  std::size_t at_ = 0;
};

class InsertOperator final : public ModifyOperator {
 public:
  InsertOperator(const InsertPlan& plan, ExecContext& context) : ModifyOperator(plan, context), insert_(plan) {}

 protected:
  Status run() override {
    // What ON CONFLICT meets shows only when the rows before it are there. Where writes have to wait they are made, taken back,
    // and made again at the end.
    const bool replays = context_.statement->defer_writes && insert_.conflict.kind != ConflictAction::Kind::kError;
    const std::size_t before = replays ? context_.transaction->savepoint() : 0;
    RowBuffer input = input_buffer();
    LDB_TRY(collect_input(input));
    for (std::size_t at = 0; at < input.size(); at += kBatchRows) {
      Batch batch;
      gather(input, at, std::min(kBatchRows, input.size() - at), batch);
      LDB_TRY(insert_batch(batch));
    }
    if (!replays) return {};
    LDB_TRY(context_.transaction->rollback_to(before));
    for (auto& again : replay_) context_.deferred.push_back(std::move(again));
    replay_.clear();
    return {};
  }

 private:
  Status insert_batch(Batch& batch) {
    const Table& table = *plan_.table;
    LDB_TRY(apply_row_rules(table, plan_.rules, batch, context_));
    std::vector<std::vector<Value>> shown;  // rows as they ended up, when some were not inserted as they came
    std::vector<std::uint16_t> kept;
    for (std::size_t row = 0; row < batch.row_count; ++row) {
      std::vector<Value> values = row_values(batch, row, 0, table.columns.size());
      if (insert_.conflict.kind != ConflictAction::Kind::kError) {
        LDB_ASSIGN_OR_RETURN(const bool handled, on_conflict(values, shown));
        if (handled) continue;
        if (insert_.conflict.kind == ConflictAction::Kind::kUpdate) shown.push_back(values);
      }
      kept.push_back(static_cast<std::uint16_t>(row));
      if (insert_.conflict.kind == ConflictAction::Kind::kUpdate && !table.has_hidden_key()) {
        LDB_TRY(touch(encode_row_key(table, values)).status());
      }
      if (insert_.conflict.kind != ConflictAction::Kind::kError) {
        LDB_TRY(write_now(values, [&context = context_, &table, values] { return context.writer->insert(table, values); }));
      } else {
        LDB_TRY(keep_deferred(values));
        LDB_TRY(
            write([&context = context_, &table, values = std::move(values)] { return context.writer->insert(table, values); }));
      }
    }
    if (insert_.conflict.kind == ConflictAction::Kind::kUpdate) {
      for (std::size_t at = 0; at < shown.size(); at += kBatchRows) {
        Batch result;
        make_batch(table, shown, at, std::min(kBatchRows, shown.size() - at), result);
        LDB_TRY(returning(result));
      }
      return {};
    }
    if (kept.size() != batch.row_count) {
      batch.has_selection = true;
      batch.selection = std::move(kept);
    }
    return returning(batch);
  }

  /// True when the row met one that is there already and that was dealt with.
  Result<bool> on_conflict(const std::vector<Value>& row, std::vector<std::vector<Value>>& shown) {
    const Table& table = *plan_.table;
    const ConflictAction& action = insert_.conflict;
    std::optional<std::string> existing;
    if (action.any_arbiter) {
      if (!table.has_hidden_key()) {
        LDB_ASSIGN_OR_RETURN(existing, writer_.find_duplicate(table, IndexId{}, row, ""));
      }
      for (const Index& index : table.indexes) {
        if (existing || !index.unique) continue;
        LDB_ASSIGN_OR_RETURN(existing, writer_.find_duplicate(table, index.id, row, ""));
      }
    } else {
      LDB_ASSIGN_OR_RETURN(existing, writer_.find_duplicate(table, action.index, row, ""));
    }
    if (!existing) return false;
    if (action.kind == ConflictAction::Kind::kNothing) return true;
    LDB_ASSIGN_OR_RETURN(const bool first_time, touch(*existing));
    if (!first_time) {
      return Status::sql(StatusCode::kConstraint, "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time");
    }
    LDB_ASSIGN_OR_RETURN(const auto image, context_.transaction->get(table.id, *existing));
    if (!image) return false;
    LDB_ASSIGN_OR_RETURN(const std::vector<Value> old_row, decode_row(table, *image));
    Batch both;
    std::vector<std::vector<Value>> pair{old_row};
    pair[0].insert(pair[0].end(), row.begin(), row.end());
    both.columns.resize(pair[0].size());
    both.row_count = 1;
    for (std::size_t i = 0; i < pair[0].size(); ++i) {
      fill_column(both.columns[i], table.columns[i % table.columns.size()].type, 1,
                  [&](std::size_t) -> const Value& { return pair[0][i]; });
    }
    if (action.where) {
      ColumnVector keep;
      LDB_TRY(evaluate(*action.where, both, context_, keep));
      if (keep.is_null(0) || !keep.at<bool>(0)) return true;
    }
    std::vector<Value> new_row = old_row;
    for (std::size_t i = 0; i < action.columns.size(); ++i) {
      ColumnVector v;
      LDB_TRY(evaluate(*action.values[i], both, context_, v));
      new_row[action.columns[i]] = v.value(0);
    }
    LDB_ASSIGN_OR_RETURN(new_row, apply_row_rules(table, plan_.rules, std::move(new_row), context_));
    LDB_TRY(write_now(new_row, [&context = context_, &table, key = *existing, old_row, new_row] {
      return context.writer->update(table, key, old_row, new_row);
    }));
    shown.push_back(std::move(new_row));
    return true;
  }

  /// False when ON CONFLICT has met the row before.
  Result<bool> touch(std::string key) {
    LDB_TRY(keep(key));
    return touched_.insert(std::move(key)).second;
  }

  template <class F>
  Status write_now(std::span<const Value> row, F f) {
    LDB_TRY(f());
    if (!context_.statement->defer_writes) return {};
    LDB_TRY(keep(row));
    replay_.push_back(std::move(f));
    return {};
  }

  const InsertPlan& insert_;
  std::vector<std::function<Status()>> replay_;
  std::unordered_set<std::string> touched_;  // rows that ON CONFLICT may not meet again
};

class UpdateOperator final : public ModifyOperator {
 public:
  UpdateOperator(const UpdatePlan& plan, ExecContext& context) : ModifyOperator(plan, context), update_(plan) {}

 protected:
  Status run() override {
    RowBuffer input = input_buffer();
    LDB_TRY(collect_input(input));
    for (std::size_t at = 0; at < input.size(); at += kBatchRows) {
      Batch batch;
      gather(input, at, std::min(kBatchRows, input.size() - at), batch);
      std::vector<std::uint16_t> kept;
      for (std::size_t row = 0; row < batch.row_count; ++row) {
        const std::string key(batch.columns[update_.row_key].at<std::string_view>(row));
        LDB_ASSIGN_OR_RETURN(const bool first_time, meet(key));
        if (!first_time) continue;
        kept.push_back(static_cast<std::uint16_t>(row));
      }
      if (kept.empty()) continue;
      batch.has_selection = true;
      batch.selection = std::move(kept);
      batch.compact();
      LDB_TRY(update_batch(batch));
    }
    return {};
  }

 private:
  Status update_batch(Batch& batch) {
    const Table& table = *plan_.table;
    Batch fresh;
    for (const std::size_t place : update_.old_row) fresh.columns.push_back(batch.columns[place]);
    fresh.row_count = batch.row_count;
    for (std::size_t i = 0; i < update_.columns.size(); ++i) {
      LDB_TRY(evaluate(*update_.values[i], batch, context_, fresh.columns[update_.columns[i]]));
    }
    LDB_TRY(apply_row_rules(table, plan_.rules, fresh, context_));
    for (std::size_t row = 0; row < batch.row_count; ++row) {
      std::vector<Value> old_row;
      for (const std::size_t place : update_.old_row) old_row.push_back(batch.columns[place].value(row));
      const std::string key(batch.columns[update_.row_key].at<std::string_view>(row));
      LDB_TRY(keep_deferred(old_row));
      LDB_TRY(keep_deferred(old_row));  // about the size of the new one
      LDB_TRY(write([&context = context_, &table, key, old_row, values = row_values(fresh, row, 0, table.columns.size())] {
        return context.writer->update(table, key, old_row, values);
      }));
    }
    for (const ColumnVector& column : batch.columns) fresh.columns.push_back(column);
    return returning(fresh);
  }

  const UpdatePlan& update_;
};

class DeleteOperator final : public ModifyOperator {
 public:
  DeleteOperator(const DeletePlan& plan, ExecContext& context) : ModifyOperator(plan, context), delete_(plan) {}

 protected:
  Status run() override {
    RowBuffer input = input_buffer();
    LDB_TRY(collect_input(input));
    for (std::size_t at = 0; at < input.size(); at += kBatchRows) {
      Batch batch;
      gather(input, at, std::min(kBatchRows, input.size() - at), batch);
      std::vector<std::uint16_t> kept;
      for (std::size_t row = 0; row < batch.row_count; ++row) {
        std::string key(batch.columns[delete_.row_key].at<std::string_view>(row));
        LDB_ASSIGN_OR_RETURN(const bool first_time, meet(key));
        if (!first_time) continue;
        kept.push_back(static_cast<std::uint16_t>(row));
        std::vector<Value> old_row;
        for (const std::size_t place : delete_.old_row) old_row.push_back(batch.columns[place].value(row));
        LDB_TRY(keep_deferred(old_row));
        LDB_TRY(write(
            [&context = context_, &table = *plan_.table, key, old_row] { return context.writer->erase(table, key, old_row); }));
      }
      batch.has_selection = true;
      batch.selection = std::move(kept);
      LDB_TRY(returning(batch));
    }
    return {};
  }

 private:
  const DeletePlan& delete_;
};

}  // namespace

Status apply_row_rules(const Table& table, const RowRules& rules, Batch& batch, ExecContext& context) {
  for (const auto& [ordinal, e] : rules.generated) {
    ColumnVector v;
    LDB_TRY(evaluate(*e, batch, context, v));
    batch.columns[ordinal] = std::move(v);
  }
  for (Ordinal i = 0; i < table.columns.size(); ++i) {
    if (!table.columns[i].not_null || !batch.columns[i].may_have_nulls()) continue;
    for (std::size_t n = 0; n < batch.rows().count; ++n) {
      const std::size_t row = batch.rows()[n];
      if (!batch.columns[i].is_null(row)) continue;
      return Status::sql(StatusCode::kConstraint, "23502",
                         "null value in column \"" + table.columns[i].name + "\" of relation \"" + table.name.name +
                             "\" violates not-null constraint")
          .with_detail(failing_row(batch, row, table.columns.size()));
    }
  }
  std::size_t check = 0;
  for (const TableConstraint& constraint : table.constraints) {
    if (constraint.type != ConstraintType::kCheck) continue;
    ColumnVector holds;
    LDB_TRY(evaluate(*rules.checks[check++], batch, context, holds));
    for (std::size_t n = 0; n < batch.rows().count; ++n) {
      const std::size_t row = batch.rows()[n];
      if (holds.is_null(row) || holds.at<bool>(row)) continue;
      return Status::sql(StatusCode::kConstraint, "23514",
                         "new row for relation \"" + table.name.name + "\" violates check constraint \"" + constraint.name + "\"")
          .with_detail(failing_row(batch, row, table.columns.size()));
    }
  }
  return {};
}

Result<std::vector<Value>> apply_row_rules(const Table& table, const RowRules& rules, std::vector<Value> row,
                                           ExecContext& context) {
  Batch batch;
  const std::vector<std::vector<Value>> rows{std::move(row)};
  make_batch(table, rows, 0, 1, batch);
  LDB_TRY(apply_row_rules(table, rules, batch, context));
  return row_values(batch, 0, 0, table.columns.size());
}

std::unique_ptr<Operator> InsertPlan::make_operator(ExecContext& c) const { return std::make_unique<InsertOperator>(*this, c); }
std::unique_ptr<Operator> UpdatePlan::make_operator(ExecContext& c) const { return std::make_unique<UpdateOperator>(*this, c); }
std::unique_ptr<Operator> DeletePlan::make_operator(ExecContext& c) const { return std::make_unique<DeleteOperator>(*this, c); }

}  // namespace ldb::sql
