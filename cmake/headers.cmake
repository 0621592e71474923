# The installed headers must be plain C99 and usable from C++: two files that include them all, compiled with every
# build. C++ is checked where the compiler has it.

add_library(headers_c99 OBJECT ${PROJECT_SOURCE_DIR}/tests/headers/c99.c)
target_include_directories(headers_c99 PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(headers_c99 PRIVATE -Wall -Wextra -Wpedantic -Werror)
set_target_properties(headers_c99 PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)

include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    add_library(headers_cpp OBJECT ${PROJECT_SOURCE_DIR}/tests/headers/cpp.cpp)
    target_include_directories(headers_cpp PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_compile_options(headers_cpp PRIVATE -Wall -Wextra -Wpedantic -Werror)
    set_target_properties(headers_cpp PROPERTIES CXX_STANDARD 11 CXX_EXTENSIONS OFF)
endif()
