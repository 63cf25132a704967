// Catalog: one version of everything that is known about databases, schemas, tables, indexes, views and sequences.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sql/catalog/schema.hpp"

namespace ldb::sql {

inline constexpr std::string_view kDefaultDatabase = "ldb";  ///< exists in every cluster without being written down
inline constexpr std::string_view kDefaultSchema = "public";
inline constexpr std::string_view kSystemSchema = "ldb";  ///< system tables and virtual tables, in every database

struct RelationEntry {
  RelationKind kind = RelationKind::kTable;
  TableId id;
};

/// Immutable once shared. Any thread. Lookups take names as folded by the parser.
class Catalog {
 public:
  /// Grows with every version that a CatalogCache publishes; versions of uncommitted catalogs are unique as well.
  std::uint64_t version() const { return version_; }
  /// Of the view it was loaded from. Index::ready holds there, and in later views until the index is dropped.
  std::uint64_t view_sequence() const { return view_sequence_; }

  bool has_database(std::string_view database) const { return databases_.contains(database); }
  bool has_schema(std::string_view database, std::string_view schema) const;
  const RelationEntry* find_relation(const RelationName& name) const;
  std::shared_ptr<const Table> find_table(const RelationName& name) const;
  std::shared_ptr<const Table> find_table(TableId id) const;
  std::shared_ptr<const View> find_view(TableId id) const;
  std::shared_ptr<const Sequence> find_sequence(TableId id) const;
  /// The table of an index and its place in Table::indexes; a null table when there is none.
  std::pair<std::shared_ptr<const Table>, std::size_t> find_index(IndexId id) const;
  std::pair<std::shared_ptr<const Table>, std::size_t> find_index(const RelationName& name) const;
  /// Whether a table, view, sequence or index has the name.
  bool is_taken(const RelationName& name) const { return relations_.contains(name) || index_names_.contains(name); }

  const std::set<std::string, std::less<>>& databases() const { return databases_; }
  /// (database, schema).
  const std::set<std::pair<std::string, std::string>>& schemas() const { return schemas_; }
  const std::map<RelationName, RelationEntry>& relations() const { return relations_; }
  const std::map<RelationName, IndexId>& index_names() const { return index_names_; }
  const std::unordered_map<TableId, std::shared_ptr<const Table>>& tables() const { return tables_; }
  const std::vector<SchemaConflict>& conflicts() const { return conflicts_; }
  /// How often something of that name has been dropped (part of the ids of what is created under the name next).
  std::int64_t generation(std::string_view scope, std::string_view name) const;
  /// Was the table with this id dropped? For ever: ids are not given again.
  bool is_dropped(TableId table) const;
  /// Comment on a view, sequence, schema, index, constraint or database ("kind name"); empty: none.
  std::string comment(std::string_view object) const;

 private:
  friend class CatalogLoader;
  friend class CatalogCache;

  std::uint64_t version_ = 0;
  std::uint64_t view_sequence_ = 0;
  std::set<std::string, std::less<>> databases_;
  std::set<std::pair<std::string, std::string>> schemas_;
  std::map<RelationName, RelationEntry> relations_;
  std::map<RelationName, IndexId> index_names_;
  std::unordered_map<TableId, std::shared_ptr<const Table>> tables_;
  std::unordered_map<TableId, std::shared_ptr<const View>> views_;
  std::unordered_map<TableId, std::shared_ptr<const Sequence>> sequences_;
  std::unordered_map<IndexId, TableId> index_tables_;
  std::map<std::pair<std::string, std::string>, std::int64_t> generations_;
  std::map<std::string, std::string, std::less<>> comments_;
  std::vector<SchemaConflict> conflicts_;
};

}  // namespace ldb::sql
