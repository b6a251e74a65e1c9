// Nothing at all: the floor of a process start, below which no engine and no container can go.
int main(void) {
    return 0;
}
