# Lets ldb_test_sql compare the parser with PostgreSQL's grammar where Debian's libpg-query-dev and libprotobuf-c-dev are installed.
find_library(LDB_PG_QUERY_LIBRARY pg_query)
find_library(LDB_PROTOBUF_C_LIBRARY protobuf-c)
find_path(LDB_PG_QUERY_INCLUDE pg_query.h)
if(TARGET ldb_test_sql AND LDB_PG_QUERY_LIBRARY AND LDB_PROTOBUF_C_LIBRARY AND LDB_PG_QUERY_INCLUDE)
  target_compile_definitions(ldb_test_sql PRIVATE LDB_HAVE_PG_QUERY)
  target_link_libraries(ldb_test_sql PRIVATE ${LDB_PG_QUERY_LIBRARY} ${LDB_PROTOBUF_C_LIBRARY})
endif()
