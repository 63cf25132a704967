# GCC 12 reports impossible sizes for "literal" + std::string at -O3 (its own operator+ inlined); clang checks the same code without these.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ldb_sql PRIVATE -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict -Wno-array-bounds)
  if(TARGET ldb_sim_sql)
    target_compile_options(ldb_sim_sql PRIVATE -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict -Wno-array-bounds)
  endif()
endif()
