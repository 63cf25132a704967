// What functions in expressions reach in their session: sequences, the content hash, settings.
#include <algorithm>
#include <cstdio>

#include "base/coding.hpp"
#include "replication/content_hash.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/catalog/system_tables.hpp"
#include "sql/session/session.hpp"

namespace ldb::sql {
namespace {

constexpr std::int64_t kBlock = 32;  // values taken from the stored sequence at once
constexpr int kMaxAttempts = 50;

SessionAccess* session_of(EvalContext& context) {
  auto* own = dynamic_cast<ExecContext*>(&context);
  return own ? own->session : nullptr;
}

Status no_session(std::string_view name) {
  return Status::sql(StatusCode::kUnsupported, "0A000", std::string(name) + " cannot be used here");
}

template <class F>
Function::Body text_to_bigint(std::string name, F f) {
  return [name = std::move(name), f](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context,
                                     ColumnVector& out) -> Status {
    SessionAccess* session = session_of(context);
    if (session == nullptr) return no_session(name);
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      LDB_ASSIGN_OR_RETURN(out.data<std::int64_t>()[row], f(*session, arguments, row));
    }
    return {};
  };
}

Function make(std::string name, std::vector<TypeId> arguments, TypeId result, Volatility volatility, Function::Body body) {
  Function function;
  function.name = std::move(name);
  function.arguments = std::move(arguments);
  function.result = result;
  function.volatility = volatility;
  function.body = std::move(body);
  return function;
}

std::string text_at(std::span<const ColumnVector* const> arguments, std::size_t i, std::size_t row) {
  return std::string(arguments[i]->at<std::string_view>(row));
}

}  // namespace

void register_session_functions(FunctionRegistry& registry) {
  using Arguments = std::span<const ColumnVector* const>;
  registry.add(make("nextval", {TypeId::kText}, TypeId::kBigInt, Volatility::kVolatile,
                    text_to_bigint("nextval", [](SessionAccess& s, Arguments a, std::size_t row) {
                      return s.next_value(text_at(a, 0, row));
                    })));
  registry.add(make("currval", {TypeId::kText}, TypeId::kBigInt, Volatility::kVolatile,
                    text_to_bigint("currval", [](SessionAccess& s, Arguments a, std::size_t row) {
                      return s.current_value(text_at(a, 0, row));
                    })));
  registry.add(make("lastval", {}, TypeId::kBigInt, Volatility::kVolatile,
                    text_to_bigint("lastval", [](SessionAccess& s, Arguments, std::size_t) { return s.last_value(); })));
  registry.add(make("setval", {TypeId::kText, TypeId::kBigInt}, TypeId::kBigInt, Volatility::kVolatile,
                    text_to_bigint("setval", [](SessionAccess& s, Arguments a, std::size_t row) {
                      return s.set_value(text_at(a, 0, row), a[1]->at<std::int64_t>(row), true);
                    })));
  registry.add(make("setval", {TypeId::kText, TypeId::kBigInt, TypeId::kBoolean}, TypeId::kBigInt, Volatility::kVolatile,
                    text_to_bigint("setval", [](SessionAccess& s, Arguments a, std::size_t row) {
                      return s.set_value(text_at(a, 0, row), a[1]->at<std::int64_t>(row), a[2]->at<bool>(row));
                    })));
  registry.add(make("ldb.content_hash", {}, TypeId::kText, Volatility::kStable,
                    [](Arguments, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
                      SessionAccess* session = session_of(context);
                      if (session == nullptr) return no_session("ldb.content_hash");
                      LDB_ASSIGN_OR_RETURN(const std::string hash, session->content_hash());
                      rows.for_each([&](std::size_t row) { out.set_string(row, hash); });
                      return {};
                    }));
  registry.add(make("current_setting", {TypeId::kText}, TypeId::kText, Volatility::kStable,
                    [](Arguments a, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
                      SessionAccess* session = session_of(context);
                      if (session == nullptr) return no_session("current_setting");
                      for (std::size_t i = 0; i < rows.count; ++i) {
                        LDB_ASSIGN_OR_RETURN(const std::string value, session->setting(text_at(a, 0, rows[i])));
                        out.set_string(rows[i], value);
                      }
                      return {};
                    }));
}

/// "name", "schema.name", quoted or not: as in the argument of nextval.
Result<Session::FoundSequence> Session::find_sequence(const std::string& text) {
  auto parsed = parse_expression(text);
  const auto* ref = parsed ? parsed->expression->as<ast::ColumnRef>() : nullptr;
  if (ref == nullptr || ref->parts.size() > 2) return Status::sql(StatusCode::kInvalidArgument, "42602", "invalid name syntax");
  std::vector<std::string> schemas = settings_.search_path();
  if (ref->parts.size() == 2) schemas = {std::string(ref->parts[0])};
  const std::string name(ref->parts.back());
  for (const std::string& schema : schemas) {
    const RelationName full{options_.database, schema, name};
    const RelationEntry* entry = transaction_->catalog->find_relation(full);
    if (entry == nullptr) continue;
    if (entry->kind != RelationKind::kSequence) return bind_error("42809", "\"" + name + "\" is not a sequence");
    FoundSequence found;
    found.sequence = transaction_->catalog->find_sequence(entry->id);
    if (transaction_->changed_schema) {
      LDB_ASSIGN_OR_RETURN(const auto committed, shared_.catalog.current());
      const auto other = committed->find_sequence(entry->id);
      found.own = other == nullptr || other->increment != found.sequence->increment ||
                  other->max_value != found.sequence->max_value || other->min_value != found.sequence->min_value;
    }
    return found;
  }
  return bind_error("42P01", "relation \"" + text + "\" does not exist");
}

/// Takes up to `count` values off the stored state; returns the first, `available` says how many.
Result<std::int64_t> Session::advance(const Sequence& sequence, RowTransaction& rows, std::int64_t count,
                                      std::int64_t& available) {
  const auto table = find_system_table(kSequenceValuesTable);
  const std::vector<Value> key_row{Value(static_cast<std::int64_t>(sequence.id.value)), Value(), Value()};
  const std::string key = encode_row_key(*table, key_row);
  LDB_ASSIGN_OR_RETURN(const auto image, rows.get(table->id, key));
  if (!image) return bind_error("42P01", "relation \"" + sequence.name.name + "\" does not exist");
  LDB_ASSIGN_OR_RETURN(const auto row, decode_row(*table, *image));
  LDB_ASSIGN_OR_RETURN(const std::int64_t last, row[1].as<std::int64_t>());
  LDB_ASSIGN_OR_RETURN(const bool is_called, row[2].as<bool>());
  std::int64_t first = last;
  if (is_called) {
    const bool beyond =
        __builtin_add_overflow(last, sequence.increment, &first) || first > sequence.max_value || first < sequence.min_value;
    if (beyond) {
      if (!sequence.cycle) {
        const bool up = sequence.increment > 0;
        return Status::sql(StatusCode::kResourceExhausted, "2200H",
                           "nextval: reached " + std::string(up ? "maximum" : "minimum") + " value of sequence \"" +
                               sequence.name.name + "\" (" + std::to_string(up ? sequence.max_value : sequence.min_value) + ")");
      }
      first = sequence.increment > 0 ? sequence.min_value : sequence.max_value;
    }
  }
  available = 1;
  std::int64_t end = first;
  for (std::int64_t next = 0; available < count; ++available) {
    if (__builtin_add_overflow(end, sequence.increment, &next) || next > sequence.max_value || next < sequence.min_value) break;
    end = next;
  }
  std::vector<CellWrite> cells{encode_row_cell(table->columns[1], Value(end)), encode_row_cell(table->columns[2], Value(true))};
  LDB_TRY(rows.update(table->id, key, std::move(cells)));
  return first;
}

Result<std::int64_t> Session::next_value(const std::string& text) {
  if (transaction_->rows->options().read_only) {
    return Status::sql(StatusCode::kInvalidArgument, "25006", "cannot execute nextval() in a read-only transaction");
  }
  LDB_ASSIGN_OR_RETURN(const FoundSequence found, find_sequence(text));
  const Sequence& sequence = *found.sequence;
  std::int64_t value = 0;
  std::int64_t available = 0;
  if (found.own) {
    LDB_ASSIGN_OR_RETURN(value, advance(sequence, *transaction_->rows, 1, available));
  } else {
    // Not part of the transaction: a value once given is never given again, whatever becomes of the transaction.
    rt::MutexLock lock(shared_.sequences.mutex);
    SequenceBlocks::Block& block = shared_.sequences.blocks[sequence.id];
    for (int attempt = 0; block.left == 0; ++attempt) {
      TransactionOptions options;
      options.isolation = IsolationLevel::kSnapshot;
      options.sync = SyncPolicy::kNone;  // the log is in order: a synced commit that uses the value syncs this one too
      LDB_ASSIGN_OR_RETURN(const auto own, shared_.services.rows->begin(options));
      LDB_ASSIGN_OR_RETURN(const std::int64_t first, advance(sequence, *own, kBlock, available));
      const Status committed = own->commit().status();
      if (committed) {
        block = {first, available};
      } else if (committed.code() != StatusCode::kConflict || attempt == kMaxAttempts) {
        return committed;
      }
    }
    value = block.next;
    --block.left;
    if (block.left > 0) block.next += sequence.increment;
  }
  sequence_values_[sequence.id] = value;
  last_sequence_ = sequence.id;
  has_last_sequence_ = true;
  return value;
}

Result<std::int64_t> Session::current_value(const std::string& text) {
  LDB_ASSIGN_OR_RETURN(const FoundSequence found, find_sequence(text));
  const auto known = sequence_values_.find(found.sequence->id);
  if (known != sequence_values_.end()) return known->second;
  return Status::sql(StatusCode::kInvalidArgument, "55000",
                     "currval of sequence \"" + found.sequence->name.name + "\" is not yet defined in this session");
}

Result<std::int64_t> Session::last_value() {
  if (!has_last_sequence_ || !sequence_values_.contains(last_sequence_)) {
    return Status::sql(StatusCode::kInvalidArgument, "55000", "lastval is not yet defined in this session");
  }
  return sequence_values_[last_sequence_];
}

Result<std::int64_t> Session::set_value(const std::string& text, std::int64_t value, bool is_called) {
  LDB_ASSIGN_OR_RETURN(const FoundSequence found, find_sequence(text));
  const Sequence& sequence = *found.sequence;
  if (value < sequence.min_value || value > sequence.max_value) {
    return Status::sql(StatusCode::kInvalidArgument, "22003",
                       "setval: value " + std::to_string(value) + " is out of bounds for sequence \"" + sequence.name.name +
                           "\" (" + std::to_string(sequence.min_value) + ".." + std::to_string(sequence.max_value) + ")");
  }
  const auto table = find_system_table(kSequenceValuesTable);
  const std::string key =
      encode_row_key(*table, std::vector<Value>{Value(static_cast<std::int64_t>(sequence.id.value)), Value(), Value()});
  const auto write = [&](RowTransaction& rows) {
    std::vector<CellWrite> cells{encode_row_cell(table->columns[1], Value(value)),
                                 encode_row_cell(table->columns[2], Value(is_called))};
    return rows.update(table->id, key, std::move(cells));
  };
  if (found.own) {
    LDB_TRY(write(*transaction_->rows));
  } else {
    rt::MutexLock lock(shared_.sequences.mutex);
    for (int attempt = 0;; ++attempt) {
      TransactionOptions options;
      options.isolation = IsolationLevel::kSnapshot;
      LDB_ASSIGN_OR_RETURN(const auto own, shared_.services.rows->begin(options));
      LDB_TRY(write(*own));
      const Status committed = own->commit().status();
      if (committed) break;
      if (committed.code() != StatusCode::kConflict || attempt == kMaxAttempts) return committed;
    }
    shared_.sequences.blocks.erase(sequence.id);
  }
  if (is_called) {
    sequence_values_[sequence.id] = value;
    last_sequence_ = sequence.id;
    has_last_sequence_ = true;
  }
  return value;
}

void Session::forget_sequence(TableId sequence) {
  rt::MutexLock lock(shared_.sequences.mutex);
  shared_.sequences.blocks.erase(sequence);
}

Result<std::string> Session::content_hash() {
  const std::shared_ptr<const Catalog> catalog = transaction_->catalog;
  LDB_ASSIGN_OR_RETURN(const auto hash,
                       replication::content_hash(shared_.services.rows->engine(), transaction_->rows->view(), [&](TableId table) {
                         // Rows of dropped tables wait for their removal at different times on different nodes.
                         return is_system_table(table) || catalog->find_table(table) != nullptr;
                       }));
  char text[40];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high),
                static_cast<unsigned long long>(hash.low));
  return std::string(text);
}

Result<std::string> Session::setting(const std::string& name) { return settings_.show(name); }

}  // namespace ldb::sql
