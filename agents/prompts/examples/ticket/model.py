# state: number, 0 after reset
# at each clock edge: if take: number goes to 0 after 49, else number + 1
# outputs: number = the state number; last = 1 while number is 49
class Model:
    def reset(self):
        self.number = 0

    def outputs(self, i):
        return {"number": self.number, "last": 1 if self.number == 49 else 0}

    def tick(self, i):
        if i.take:
            if self.number == 49:
                self.number = 0
            else:
                self.number = self.number + 1
