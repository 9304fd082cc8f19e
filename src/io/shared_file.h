/* Files that come with the program: experiments and weights. They are looked for in the present folder, in the folder
 * above the program (a build folder lies in the source tree), in share/l2o beside the program's bin, and where the
 * project was installed. */
#ifndef L2O_IO_SHARED_FILE_H
#define L2O_IO_SHARED_FILE_H

#include "base/buffer.h"

enum { SHARED_PLACES = 4 };

/* "PLACE/folder" of place number 0 to SHARED_PLACES - 1, which need not exist; NULL where there is no such place. For
 * memory_free(). */
l2o_status shared_folder(int place, const char *folder, char **path, l2o_error *error);
/* The first file of that name in the places' folders "experiments" or "models"; *path is NULL where there is none. */
l2o_status shared_file_find(const char *folder, const char *file, char **path, l2o_error *error);

#endif
