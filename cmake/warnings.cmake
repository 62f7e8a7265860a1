# Flags shared by every target of this project, and the sanitizers asked for.
add_library(tuff_flags INTERFACE)
target_compile_options(tuff_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
target_include_directories(tuff_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(TUFF_SANITIZE)
  target_compile_options(tuff_flags INTERFACE -fsanitize=${TUFF_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tuff_flags INTERFACE -fsanitize=${TUFF_SANITIZE})
endif()
