#include "sql/session/virtual_tables.hpp"

#include <cstdio>

#include "replication/conflict_log.hpp"
#include "sql/catalog/foreign_keys.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/catalog/system_tables.hpp"
#include "sql/exec/exec_context.hpp"
#include "sql/session/catalog_rows.hpp"
#include "sql/types/cell_codec.hpp"

namespace ldb::sql {
namespace {

using Rows = std::vector<std::vector<Value>>;
using Tables = std::map<std::string, std::shared_ptr<const TableFunction>>;

struct ColumnSpec {
  const char* name;
  TypeId type;
};

void add(Tables& tables, const char* schema, const char* name, std::vector<ColumnSpec> columns,
         std::function<Result<Rows>(ExecContext&)> rows) {
  auto table = std::make_shared<TableFunction>();
  table->name = std::string(schema) + "." + name;
  for (const ColumnSpec& column : columns) table->columns.push_back({0, column.name, {column.type, -1, 0}});
  table->open = [rows = std::move(rows)](std::span<const Value>, ExecContext& context) -> Result<RowGenerator> {
    LDB_ASSIGN_OR_RETURN(Rows all, rows(context));
    return RowGenerator([all = std::move(all), at = std::size_t{0}](std::vector<Value>& row) mutable -> Result<bool> {
      if (at == all.size()) return false;
      row = std::move(all[at++]);
      return true;
    });
  };
  tables[table->name] = std::move(table);
}

std::string hex(std::uint64_t v) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(v));
  return text;
}

std::string_view kind_name(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::kCell:
      return "update";
    case ConflictKind::kBirth:
      return "insert";
    case ConflictKind::kDeadRow:
      return "update of deleted row";
    case ConflictKind::kDelete:
      return "delete";
    case ConflictKind::kGone:
      return "write to collected row";
    case ConflictKind::kUnique:
      return "unique";
    case ConflictKind::kForeignKey:
      return "foreign key";
    case ConflictKind::kDroppedTable:
      return "write to dropped table";
    case ConflictKind::kMaskedDelete:
      return "masked delete";
  }
  return "unknown";
}

/// A primary key as text: "(1,abc)" in the table's types, or hex where there is no table any more.
Value key_text(const Table* table, std::string_view key) {
  std::string out;
  if (table != nullptr && !table->has_hidden_key()) {
    for (const KeyColumn& column : table->key) {
      auto value = decode_key(key, column);
      if (!value) return Value("(damaged)");
      out += (out.empty() ? "" : ",") + value->to_string();
    }
    return Value(out);
  }
  for (const char c : key) {
    static constexpr char kDigits[] = "0123456789abcdef";
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return Value(out);
}

Value cell_text(const Table* table, const std::optional<ColumnId>& column, const std::optional<std::string>& bytes) {
  if (!bytes) return Value(TypeId::kText, {});
  const auto ordinal = table && column ? table->find_column(*column) : std::nullopt;
  if (!ordinal) return Value(Bytes{*bytes}.data.empty() ? std::string() : Value(Bytes{*bytes}).to_string());
  std::string_view rest = *bytes;
  auto value = decode_cell(rest, table->columns[*ordinal].type.id);
  return value ? Value(value->to_string()) : Value("(damaged)");
}

/// The whole row that lost: "a=1, b=x".
Value row_text(const Table* table, const std::optional<std::string>& image) {
  if (!image) return Value(TypeId::kText, {});
  if (table == nullptr) return Value(Value(Bytes{*image}).to_string());
  auto row = decode_row(*table, *image);
  if (!row) return Value("(damaged)");
  std::string out;
  for (std::size_t i = 0; i < row->size(); ++i) {
    out += (out.empty() ? "" : ", ") + table->columns[i].name + "=" +
           ((*row)[i].is_null() ? std::string("NULL") : (*row)[i].to_string());
  }
  return Value(out);
}

Result<Rows> conflicts(SharedState& shared, ExecContext& context) {
  Rows rows;
  LDB_ASSIGN_OR_RETURN(auto cursor, ConflictCursor::open(shared.services.rows->engine(), &context.transaction->view()));
  for (; cursor->valid(); cursor->next()) {
    const ConflictRecord& record = cursor->record();
    const auto table = context.catalog->find_table(record.table);
    const auto ordinal = table && record.column ? table->find_column(*record.column) : std::nullopt;
    Value index(TypeId::kText, {});
    if (record.index) {
      const auto [owner, place] = context.catalog->find_index(*record.index);
      index = Value(owner ? owner->indexes[place].name : hex(record.index->value));
    }
    std::shared_ptr<const Table> parent;
    if (record.constraint) {
      index = Value(hex(record.constraint->value));
      for (const TableConstraint& constraint : table ? table->constraints : std::vector<TableConstraint>()) {
        if (constraint_id(table->id, constraint.name) != record.constraint) continue;
        index = Value(constraint.name);
        parent = context.catalog->find_table(constraint.referenced);
      }
    }
    const bool whole_row = !record.column && (record.kind == ConflictKind::kBirth || record.kind == ConflictKind::kDroppedTable);
    Value winner_value = record.kind == ConflictKind::kUnique && record.winner_value ? key_text(table.get(), *record.winner_value)
                         : record.kind == ConflictKind::kForeignKey && record.winner_value
                             ? key_text(parent.get(), *record.winner_value)
                             : cell_text(table.get(), record.column, record.winner_value);
    rows.push_back(
        {Value(std::string(kind_name(record.kind))), table ? Value(table->name.database) : Value(TypeId::kText, {}),
         Value(table ? table->name.schema + "." + table->name.name : hex(record.table.value)), key_text(table.get(), record.key),
         ordinal ? Value(table->columns[*ordinal].name) : Value(TypeId::kText, {}), std::move(index),
         whole_row ? row_text(table.get(), record.loser_value) : cell_text(table.get(), record.column, record.loser_value),
         std::move(winner_value), Value(hex(record.loser.origin.value)),
         Value(static_cast<std::int64_t>(record.loser.stamp.value)), Value(hex(record.winner.origin.value)),
         Value(static_cast<std::int64_t>(record.winner.stamp.value)), Value(Timestamp{record.recorded_at_us})});
  }
  LDB_TRY(cursor->status());
  return rows;
}

Value sequence_sum(const VersionVector& vector) {
  std::int64_t total = 0;
  for (const auto& [origin, progress] : vector.entries()) total += static_cast<std::int64_t>(progress.sequence);
  return Value(total);
}

Result<Rows> nodes(SharedState& shared) {
  Rows rows;
  const ReplicationStatus status = shared.services.replicator ? shared.services.replicator->status() : ReplicationStatus{};
  const Value no_text(TypeId::kText, {});
  rows.push_back({Value(shared.services.self.name), Value(true), no_text, Value(true), Value(hex(status.origin.value)),
                  sequence_sum(status.applied), Value(TypeId::kTimestamp, {}), Value(status.write_refusal)});
  for (const PeerStatus& peer : status.peers) {
    rows.push_back({Value(peer.address.node.name), Value(false), Value(peer.address.address), Value(peer.reachable),
                    peer.origin ? Value(hex(peer.origin.value)) : no_text, sequence_sum(peer.acknowledged),
                    peer.last_contact_us != 0 ? Value(Timestamp{peer.last_contact_us}) : Value(TypeId::kTimestamp, {}),
                    Value(peer.problem)});
  }
  return rows;
}

Result<Rows> replication_status(SharedState& shared) {
  const ReplicationStatus s = shared.services.replicator ? shared.services.replicator->status() : ReplicationStatus{};
  const auto count = [](std::uint64_t n) { return Value(static_cast<std::int64_t>(n)); };
  Rows rows;
  rows.push_back({Value(shared.services.self.name), Value(hex(s.origin.value)), Value(s.applied.to_string()),
                  count(s.peers.size()), Value(s.bootstrapping), Value(s.write_refusal), count(s.conflicts_recorded),
                  count(s.tombstones_collected), count(s.snapshots_installed)});
  return rows;
}

Rows information_tables(ExecContext& context) {
  Rows rows;
  for (const auto& [name, entry] : context.catalog->relations()) {
    if (name.database != context.database || entry.kind == RelationKind::kSequence) continue;
    const bool table = entry.kind == RelationKind::kTable;
    rows.push_back({Value(name.database), Value(name.schema), Value(name.name), Value(table ? "BASE TABLE" : "VIEW"),
                    Value(table ? "YES" : "NO")});
  }
  return rows;
}

Value or_null(std::int32_t v) { return v < 0 ? Value(TypeId::kInteger, {}) : Value(v); }

Rows information_columns(ExecContext& context) {
  Rows rows;
  const auto push = [&](const RelationName& relation, std::size_t place, const std::string& name, const DataType& type,
                        bool not_null, const std::string& sql) {
    const bool text = is_string_type(type.id);
    const bool numeric = type.id == TypeId::kNumeric;
    std::int32_t precision = numeric ? type.length : -1;
    if (type.id == TypeId::kSmallInt) precision = 16;
    if (type.id == TypeId::kInteger || type.id == TypeId::kReal) precision = type.id == TypeId::kInteger ? 32 : 24;
    if (type.id == TypeId::kBigInt || type.id == TypeId::kDouble) precision = type.id == TypeId::kBigInt ? 64 : 53;
    rows.push_back({Value(relation.database), Value(relation.schema), Value(relation.name), Value(name),
                    Value(static_cast<std::int32_t>(place + 1)), sql.empty() ? Value(TypeId::kText, {}) : Value(sql),
                    Value(not_null ? "NO" : "YES"), Value(DataType{type.id, -1, 0}.to_string()), or_null(text ? type.length : -1),
                    or_null(precision),
                    numeric && type.length >= 0
                        ? Value(type.scale)
                        : (is_integer_type(type.id) ? Value(std::int32_t{0}) : Value(TypeId::kInteger, {}))});
  };
  for (const auto& [name, entry] : context.catalog->relations()) {
    if (name.database != context.database) continue;
    if (entry.kind == RelationKind::kTable) {
      const auto table = context.catalog->find_table(entry.id);
      for (std::size_t i = 0; i < table->columns.size(); ++i) {
        const Column& column = table->columns[i];
        push(name, i, column.name, column.type, column.not_null, column.default_value.sql);
      }
    } else if (entry.kind == RelationKind::kView) {
      const auto view = context.catalog->find_view(entry.id);
      for (std::size_t i = 0; i < view->output_names.size(); ++i)
        push(name, i, view->output_names[i], view->output_types[i], false, "");
    }
  }
  return rows;
}

Rows indexes_of_tables(ExecContext& context) {
  Rows rows;
  for (const auto& [id, table] : context.catalog->tables()) {
    if (table->name.database != context.database) continue;
    for (const Index& index : table->indexes) {
      std::string columns;
      for (const Ordinal ordinal : index.columns) columns += (columns.empty() ? "" : ", ") + table->columns[ordinal].name;
      rows.push_back({Value(table->name.schema), Value(table->name.name), Value(index.name), Value(columns), Value(index.unique),
                      Value(index.internal), Value(index.ready)});
    }
  }
  return rows;
}

}  // namespace

Tables make_virtual_tables(SharedState& shared) {
  constexpr auto kText = TypeId::kText;
  constexpr auto kBigInt = TypeId::kBigInt;
  constexpr auto kInteger = TypeId::kInteger;
  constexpr auto kBoolean = TypeId::kBoolean;
  constexpr auto kTimestamp = TypeId::kTimestamp;
  Tables tables;
  add(tables, "ldb", "conflicts",
      {{"kind", kText},
       {"database", kText},
       {"table_name", kText},
       {"key", kText},
       {"column_name", kText},
       {"index_name", kText},
       {"losing_value", kText},
       {"winning_value", kText},
       {"losing_origin", kText},
       {"losing_stamp", kBigInt},
       {"winning_origin", kText},
       {"winning_stamp", kBigInt},
       {"recorded_at", kTimestamp}},
      [&shared](ExecContext& context) { return conflicts(shared, context); });
  add(tables, "ldb", "nodes",
      {{"node", kText},
       {"is_self", kBoolean},
       {"address", kText},
       {"reachable", kBoolean},
       {"origin", kText},
       {"commits", kBigInt},
       {"last_contact", kTimestamp},
       {"problem", kText}},
      [&shared](ExecContext&) { return nodes(shared); });
  add(tables, "ldb", "replication_status",
      {{"node", kText},
       {"origin", kText},
       {"applied", kText},
       {"peers", kBigInt},
       {"bootstrapping", kBoolean},
       {"write_refusal", kText},
       {"conflicts_recorded", kBigInt},
       {"tombstones_collected", kBigInt},
       {"snapshots_installed", kBigInt}},
      [&shared](ExecContext&) { return replication_status(shared); });
  add(tables, "ldb", "content_hash", {{"content_hash", kText}}, [](ExecContext& context) -> Result<Rows> {
    LDB_ASSIGN_OR_RETURN(std::string hash, context.session->content_hash());
    return Rows{{Value(std::move(hash))}};
  });
  add(tables, "ldb", "schema_conflicts",
      {{"kind", kText}, {"database", kText}, {"schema", kText}, {"name", kText}, {"renamed_to", kText}, {"id", kBigInt}},
      [](ExecContext& context) -> Result<Rows> {
        Rows rows;
        for (const SchemaConflict& conflict : context.catalog->conflicts()) {
          rows.push_back({Value(conflict.kind), Value(conflict.name.database), Value(conflict.name.schema),
                          Value(conflict.name.name), Value(conflict.renamed_to), Value(static_cast<std::int64_t>(conflict.id))});
        }
        return rows;
      });
  add(tables, "ldb", "table_indexes",
      {{"schema", kText},
       {"table_name", kText},
       {"index_name", kText},
       {"columns", kText},
       {"is_unique", kBoolean},
       {"internal", kBoolean},
       {"ready", kBoolean}},
      [](ExecContext& context) -> Result<Rows> { return indexes_of_tables(context); });
  add(tables, "ldb", "all_databases", {{"database", kText}, {"is_current", kBoolean}},
      [](ExecContext& context) -> Result<Rows> { return rows_of_databases(context); });
  add(tables, "ldb", "table_constraints",
      {{"schema", kText}, {"table_name", kText}, {"constraint_name", kText}, {"constraint_type", kText}, {"definition", kText}},
      [](ExecContext& context) -> Result<Rows> { return rows_of_constraints(context); });
  add(tables, "information_schema", "tables",
      {{"table_catalog", kText},
       {"table_schema", kText},
       {"table_name", kText},
       {"table_type", kText},
       {"is_insertable_into", kText}},
      [](ExecContext& context) -> Result<Rows> { return information_tables(context); });
  add(tables, "information_schema", "columns",
      {{"table_catalog", kText},
       {"table_schema", kText},
       {"table_name", kText},
       {"column_name", kText},
       {"ordinal_position", kInteger},
       {"column_default", kText},
       {"is_nullable", kText},
       {"data_type", kText},
       {"character_maximum_length", kInteger},
       {"numeric_precision", kInteger},
       {"numeric_scale", kInteger}},
      [](ExecContext& context) -> Result<Rows> { return information_columns(context); });
  add(tables, "information_schema", "schemata", {{"catalog_name", kText}, {"schema_name", kText}, {"schema_owner", kText}},
      [](ExecContext& context) -> Result<Rows> {
        Rows rows;
        for (const auto& [database, schema] : context.catalog->schemas()) {
          if (database == context.database) rows.push_back({Value(database), Value(schema), Value(std::string(context.user))});
        }
        return rows;
      });
  return tables;
}

}  // namespace ldb::sql
