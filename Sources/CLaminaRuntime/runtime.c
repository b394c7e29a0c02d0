#include "lamina_runtime.h"
